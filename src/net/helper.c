// SPDX-License-Identifier: Apache-2.0
#include "net/helper.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/error_json.h"
#include "base/file.h"
#include "base/spawn.h"

#define FDS_MAX 4
#define ANSWER_MAX 8192

int net_helper_firewall(void)
{
    static int sock = -1;
    if (sock < 0) {
        sock = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
    }
    return sock;
}

/* What it is to inherit: its standard output, and the descriptors given. */
static int start(const char *program, const char *const *arguments, const struct spawn_fd *fds,
                 size_t fd_count, struct net_helper *ret, struct error **err)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "making a pair of sockets");
    }
    CLEANUP(fd) int ours = ends[0];
    CLEANUP(fd) int theirs = ends[1];
    struct spawn_fd all[FDS_MAX] = {{theirs, 1}};
    assert(fd_count < FDS_MAX);
    for (size_t i = 0; i < fd_count; i++) {
        all[i + 1] = fds[i];
    }
    pid_t pid = 0;
    int r = program_spawn(program, arguments, all, fd_count + 1, &pid, err);
    if (r >= 0) {
        *ret = (struct net_helper){program, pid, take_fd(&ours)};
    }
    return r;
}

/* Until its end. One that failed before it read its input ends with ECONNRESET, behind its words.
 */
static size_t read_answer(int sock, char answer[ANSWER_MAX])
{
    size_t got = 0;
    while (got < ANSWER_MAX) {
        ssize_t n = recv(sock, answer + got, ANSWER_MAX - got, 0);
        if (n == 0 || (n < 0 && errno != EINTR)) {
            break;
        }
        got += n > 0 ? (size_t)n : 0;
    }
    return got;
}

int net_helper_finish(struct net_helper *h, const char *input, void **ret_answer, size_t *ret_len,
                      struct error **err)
{
    char answer[ANSWER_MAX];
    int status = 0;
    if (input) { /* one that has ended already says why below */
        (void)send(h->sock, input, strlen(input), MSG_NOSIGNAL);
    }
    (void)shutdown(h->sock, SHUT_WR);
    size_t len = read_answer(h->sock, answer);
    h->sock = fd_close(h->sock);
    int r = program_wait(h->pid, &status);
    h->pid = 0;
    if (r < 0) {
        return error_set_errno(err, ERROR_KERNEL, -r, "waiting for '%s'", h->program);
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        return error_from_json(answer, len, h->program, err);
    }
    if (ret_answer && len > 0 && len < ANSWER_MAX) {
        *ret_answer = memcpy(xmalloc(len), answer, len);
        *ret_len = len;
    }
    return 0;
}

void net_helper_drop(struct net_helper *h)
{
    if (h->pid) {
        IGNORE(net_helper_finish(h, NULL, NULL, NULL, NULL)); /* it tells that it got no input */
    }
}

int net_program_run(const char *program, const char *const *arguments, const struct spawn_fd *fds,
                    size_t fd_count, struct error **err)
{
    struct net_helper h = {0};
    int r = start(program, arguments, fds, fd_count, &h, err);
    return r < 0 ? r : net_helper_finish(&h, NULL, NULL, NULL, err);
}

/* What the helper inherits: our nf_tables socket, and the lock if there is one. */
static size_t lend(int lock_fd, struct spawn_fd fds[2])
{
    size_t count = 0;
    int firewall = net_helper_firewall();
    if (firewall >= 0) { /* the helper will say that the kernel has none */
        fds[count++] = (struct spawn_fd){firewall, NET_HELPER_FIREWALL_FD};
    }
    if (lock_fd >= 0) {
        fds[count++] = (struct spawn_fd){lock_fd, NET_HELPER_LOCK_FD};
    }
    return count;
}

int net_helper_run_locked(const char *const *arguments, int lock_fd, struct error **err)
{
    struct spawn_fd fds[2];
    return net_program_run("cloison-net", arguments, fds, lend(lock_fd, fds), err);
}

int net_helper_run(const char *const *arguments, struct error **err)
{
    return net_helper_run_locked(arguments, -1, err);
}

int net_helper_start(const char *const *arguments, struct net_helper *ret, struct error **err)
{
    struct spawn_fd fds[2];
    return start("cloison-net", arguments, fds, lend(-1, fds), ret, err);
}
