// SPDX-License-Identifier: Apache-2.0
#include "net/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/error_json.h"
#include "base/file.h"
#include "base/spawn.h"

#define PROGRAM "cloison-net"
#define ANSWER_MAX 8192

/* -1 when the kernel has none: the helper will say so. */
static int firewall_socket(void)
{
    static int sock = -1;
    if (sock < 0) {
        sock = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
    }
    return sock;
}

int net_helper_run(const char *const *arguments, struct error **err)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "making a pipe");
    }
    CLEANUP(fd) int reading = ends[0];
    CLEANUP(fd) int writing = ends[1];
    const struct spawn_fd fds[] = {{writing, 1}, {firewall_socket(), NET_HELPER_FIREWALL_FD}};
    pid_t pid = 0;
    int r = program_spawn(PROGRAM, arguments, fds, fds[1].fd < 0 ? 1 : 2, &pid, err);
    if (r < 0) {
        return r;
    }
    writing = fd_close(writing);
    char answer[ANSWER_MAX];
    ssize_t len = read_all(reading, answer, sizeof(answer));
    int status = 0;
    r = program_wait(pid, &status);
    if (r < 0) {
        return error_set_errno(err, ERROR_KERNEL, -r, "waiting for '%s'", PROGRAM);
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        return 0;
    }
    return error_from_json(answer, len > 0 ? (size_t)len : 0, PROGRAM, err);
}
