// SPDX-License-Identifier: Apache-2.0
/* Seccomp, security modules, capabilities, the firewall. */
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "engine/host_internal.h"
#include "spec/spec.h"

static const char group[] = "Security";

static void probe_seccomp(struct host_report *r)
{
    CLEANUP(free) char *actions = NULL;
    int code = prctl(PR_GET_SECCOMP) < 0 ? errno : 0;
    host_add(r, group, "seccomp", code, NULL);
    int read = file_read_line(AT_FDCWD, "/proc/sys/kernel/seccomp/actions_avail", &actions, NULL);
    host_add(r, group, "seccomp actions", read < 0 ? -read : 0, actions);
    host_add(r, group, "seccomp notify", actions && strstr(actions, "user_notif") ? 0 : EOPNOTSUPP,
             NULL);
}

static bool file_begins(const char *path, char letter)
{
    CLEANUP(free) char *line = NULL;
    return file_read_line(AT_FDCWD, path, &line, NULL) >= 0 && line[0] == letter;
}

/* securityfs has the list where it is mounted; without it two modules tell themselves. */
static void probe_modules(struct host_report *r)
{
    CLEANUP(free) char *list = NULL;
    bool apparmor = file_begins("/sys/module/apparmor/parameters/enabled", 'Y');
    bool selinux = access("/sys/fs/selinux/enforce", F_OK) == 0;
    if (file_read_line(AT_FDCWD, "/sys/kernel/security/lsm", &list, NULL) >= 0) {
        host_add(r, group, "security modules", 0, list);
    }
    host_add(r, group, "apparmor", apparmor ? 0 : ENOENT, apparmor ? "" : "not enabled");
    host_add(r, group, "selinux", selinux ? 0 : ENOENT, selinux ? "" : "not enabled");
    r->security_labels = apparmor ? "apparmor" : selinux ? "selinux" : "";
}

static uint64_t effective_capabilities(void)
{
    CLEANUP(free) char *status = NULL;
    uint64_t set = 0;
    if (file_read(AT_FDCWD, "/proc/self/status", 65536, &status, NULL, NULL) < 0) {
        return 0;
    }
    char *line = strstr(status, "\nCapEff:\t");
    if (line) {
        line += strlen("\nCapEff:\t");
        line[strcspn(line, "\n")] = '\0';
        if (str_to_u64(line, 16, &set) < 0) {
            set = 0;
        }
    }
    return set;
}

static void probe_capabilities(struct host_report *r)
{
    uint64_t have = effective_capabilities();
    CLEANUP(strv) struct strv lacking = {0};
    size_t total = 0;
    for (int c = 0; prctl(PR_CAPBSET_READ, c) >= 0; c++, total++) {
        if (!(have >> c & 1)) {
            const char *name = spec_capability_name(c);
            strv_add(&lacking, str_or(name, "unknown"));
        }
    }
    CLEANUP(free) char *names = strv_join(&lacking, ", ");
    CLEANUP(free)
    char *detail = !lacking.count           ? str_format("all %zu of the kernel", total)
                   : lacking.count == total ? xstrdup("this process has none: not root?")
                                            : str_format("this process lacks %s", names);
    host_add(r, group, "capabilities", lacking.count ? EPERM : 0, detail);
}

void host_probe_security(struct host_report *r)
{
    probe_seccomp(r);
    probe_modules(r);
    int no_new_privileges = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
    host_add(r, group, "no_new_privs", no_new_privileges < 0 ? errno : 0, NULL);
    probe_capabilities(r);
}

/* Asks nf_tables for its generation: 0 when it answers, else a positive errno. */
static int ask_nf_tables(void)
{
    struct {
        struct nlmsghdr head;
        struct nfgenmsg message;
    } request = {.head = {.nlmsg_len = sizeof(request),
                          .nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETGEN,
                          .nlmsg_flags = NLM_F_REQUEST},
                 .message = {.nfgen_family = AF_UNSPEC}};
    struct timeval second = {.tv_sec = 1};
    CLEANUP(fd) int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
    char answer[4096];
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second)) < 0 ||
        send(fd, &request, sizeof(request), 0) < 0) {
        return errno;
    }
    ssize_t n = recv(fd, answer, sizeof(answer), 0);
    if (n < (ssize_t)sizeof(struct nlmsghdr)) {
        return n < 0 ? errno : EIO;
    }
    struct nlmsghdr head;
    memcpy(&head, answer, sizeof(head));
    if (head.nlmsg_type != NLMSG_ERROR) {
        return 0;
    }
    struct nlmsgerr failure;
    if (n < (ssize_t)(sizeof(head) + sizeof(failure))) {
        return EIO;
    }
    memcpy(&failure, answer + sizeof(head), sizeof(failure));
    return -failure.error;
}

void host_probe_network(struct host_report *r)
{
    int code = ask_nf_tables();
    host_add(r, "Network", "nf_tables", code,
             code == EINVAL ? "not in this kernel: ports cannot be published" : NULL);
    host_add(r, "Network", "IPv4 forwarding",
             file_begins("/proc/sys/net/ipv4/ip_forward", '1') ? 0 : ENOENT,
             file_begins("/proc/sys/net/ipv4/ip_forward", '1')
                 ? ""
                 : "off; the bridge network turns it on");
    host_add(r, "Network", "IPv6", access("/proc/net/if_inet6", F_OK) == 0 ? 0 : ENOENT, NULL);
}
