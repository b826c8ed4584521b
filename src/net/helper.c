// SPDX-License-Identifier: Apache-2.0
#include "net/helper.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/error_json.h"
#include "base/file.h"
#include "base/spawn.h"

#define FDS_MAX 4
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

int net_program_run(const char *program, const char *const *arguments, const struct spawn_fd *fds,
                    size_t fd_count, struct error **err)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "making a pipe");
    }
    CLEANUP(fd) int reading = ends[0];
    CLEANUP(fd) int writing = ends[1];
    struct spawn_fd all[FDS_MAX] = {{writing, 1}};
    assert(fd_count < FDS_MAX);
    for (size_t i = 0; i < fd_count; i++) {
        all[i + 1] = fds[i];
    }
    pid_t pid = 0;
    int r = program_spawn(program, arguments, all, fd_count + 1, &pid, err);
    if (r < 0) {
        return r;
    }
    writing = fd_close(writing);
    char answer[ANSWER_MAX];
    ssize_t len = read_all(reading, answer, sizeof(answer));
    int status = 0;
    r = program_wait(pid, &status);
    if (r < 0) {
        return error_set_errno(err, ERROR_KERNEL, -r, "waiting for '%s'", program);
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        return 0;
    }
    return error_from_json(answer, len > 0 ? (size_t)len : 0, program, err);
}

int net_helper_run_locked(const char *const *arguments, int lock_fd, struct error **err)
{
    struct spawn_fd fds[2];
    size_t count = 0;
    int firewall = firewall_socket();
    if (firewall >= 0) {
        fds[count++] = (struct spawn_fd){firewall, NET_HELPER_FIREWALL_FD};
    }
    if (lock_fd >= 0) {
        fds[count++] = (struct spawn_fd){lock_fd, NET_HELPER_LOCK_FD};
    }
    return net_program_run("cloison-net", arguments, fds, count, err);
}

int net_helper_run(const char *const *arguments, struct error **err)
{
    return net_helper_run_locked(arguments, -1, err);
}
