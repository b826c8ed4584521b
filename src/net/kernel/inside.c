// SPDX-License-Identifier: Apache-2.0
#include "net/kernel/inside.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "base/file.h"
#include "net/kernel/table.h"
#include "net/names.h"

#define BACKLOG 64

/* A socket of this namespace, and the port that it got. */
static int listen_inside(int type, uint16_t *ret_port, struct error **err)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t len = sizeof(at);
    (void)inet_pton(AF_INET, NET_NAMES_INSIDE, &at.sin_addr); /* a constant */
    CLEANUP(fd) int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, len) < 0 ||
        getsockname(fd, (struct sockaddr *)&at, &len) < 0 ||
        (type == SOCK_STREAM && listen(fd, BACKLOG) < 0)) {
        return error_set_errno(err, ERROR_KERNEL, errno, "serving names at %s in the container",
                               NET_NAMES_INSIDE);
    }
    *ret_port = ntohs(at.sin_port);
    return take_fd(&fd);
}

static int enter(pid_t pid, int *ret_pidfd, struct error **err)
{
    CLEANUP(fd) int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (pidfd < 0 || setns(pidfd, CLONE_NEWNET) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "entering the network namespace");
    }
    *ret_pidfd = take_fd(&pidfd);
    return 0;
}

int inside_serve(const char *run_dir, const struct net_record *record, pid_t pid,
                 struct error **err)
{
    CLEANUP(netlink) struct netlink nf = {0};
    uint16_t udp_port = 0, tcp_port = 0;
    int end = -1;
    int r = enter(pid, &end, err);
    CLEANUP(fd) int pidfd = end;
    CLEANUP(fd) int udp = r < 0 ? -1 : listen_inside(SOCK_DGRAM, &udp_port, err);
    r = r < 0 ? r : udp;
    CLEANUP(fd) int tcp = r < 0 ? -1 : listen_inside(SOCK_STREAM, &tcp_port, err);
    r = r < 0 ? r : tcp;
    r = r < 0 ? r : netlink_open_here(NETLINK_NETFILTER, &nf, err);
    r = r < 0 ? r : table_make_inside(&nf, record->table, udp_port, tcp_port, err);
    const int fds[NET_NAMES_FDS] = {
        [NET_NAMES_UDP] = udp, [NET_NAMES_TCP] = tcp, [NET_NAMES_PIDFD] = pidfd};
    return r < 0 ? r : net_names_offer(run_dir, record->id, fds, err);
}
