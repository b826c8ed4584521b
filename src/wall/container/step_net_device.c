// SPDX-License-Identifier: Apache-2.0
/* Interfaces of the host that move into the workload's network namespace, with a new name. They
 * come down on the way, as the kernel has it, and are brought up again inside by who uses them. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/file.h"
#include "wall/container/step.h"

STEP_DESCRIBE(net_device)
{
    describe_text(d, "'%s' as '%s'", s->net_device.name, s->net_device.new_name);
    describe_str(d, "name", s->net_device.name);
    describe_str(d, "newName", s->net_device.new_name);
}

struct request {
    struct nlmsghdr header;
    struct ifinfomsg info;
    char attributes[64];
};

static void add_attribute(struct request *r, unsigned short type, const void *data, size_t len)
{
    struct rtattr *a = (struct rtattr *)((char *)r + NLMSG_ALIGN(r->header.nlmsg_len));
    a->rta_type = type;
    a->rta_len = (unsigned short)RTA_LENGTH(len);
    memcpy(RTA_DATA(a), data, len);
    r->header.nlmsg_len = (unsigned int)(NLMSG_ALIGN(r->header.nlmsg_len) + RTA_ALIGN(a->rta_len));
}

/* Sends the request and waits for the kernel's word: 0 or -errno. */
static int transact(struct request *r)
{
    char answer[1024];
    CLEANUP(fd) int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (fd < 0 || send(fd, r, r->header.nlmsg_len, 0) < 0) {
        return -errno;
    }
    ssize_t n = recv(fd, answer, sizeof(answer), 0);
    const struct nlmsghdr *h = (const void *)answer;
    if (n < (ssize_t)NLMSG_LENGTH(sizeof(struct nlmsgerr)) || h->nlmsg_type != NLMSG_ERROR) {
        return n < 0 ? -errno : -EPROTO;
    }
    return ((const struct nlmsgerr *)NLMSG_DATA(h))->error;
}

/* The namespace the workload has or will have: a joined one may not be entered yet. */
static int open_target(const struct creation *c, struct error **err)
{
    char path[32];
    for (size_t i = 0; i < c->plan->step_count; i++) {
        const struct step *s = &c->plan->steps[i];
        if (s->kind == STEP_NAMESPACE_JOIN && s->namespace_.flag == CLONE_NEWNET) {
            return open_file(AT_FDCWD, s->namespace_.path, O_RDONLY, 0, err);
        }
    }
    snprintf(path, sizeof(path), "%d/ns/net", c->pid);
    return open_file(c->proc_fd, path, O_RDONLY, 0, err);
}

STEP_HOST(net_device)
{
    unsigned int index = if_nametoindex(s->net_device.name);
    if (index == 0) {
        return error_set(err, ERROR_NOT_FOUND, ENODEV, "no such interface on the host");
    }
    CLEANUP(fd) int target = open_target(c, err);
    if (target < 0) {
        return target;
    }
    struct request r = {
        .header = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg)),
                   .nlmsg_type = RTM_SETLINK,
                   .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK},
        .info = {.ifi_family = AF_UNSPEC, .ifi_index = (int)index},
    };
    size_t len = strlen(s->net_device.new_name) + 1;
    if (len > IFNAMSIZ) {
        return error_set(err, ERROR_INVALID_INPUT, 0, "'%s' is too long", s->net_device.new_name);
    }
    add_attribute(&r, IFLA_NET_NS_FD, &target, sizeof(target));
    add_attribute(&r, IFLA_IFNAME, s->net_device.new_name, len);
    int code = transact(&r);
    return code < 0 ? error_set_errno(err, ERROR_KERNEL, -code, "the kernel refused") : 0;
}
