// SPDX-License-Identifier: Apache-2.0
#include "build/ssh_relay.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/file.h"

#define CONNECTIONS_MAX 32

static int address_of(const char *path, struct sockaddr_un *ret)
{
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(ret->sun_path)) {
        return -ENAMETOOLONG;
    }
    memcpy(ret->sun_path, path, strlen(path) + 1);
    return 0;
}

static int connect_to(const char *path)
{
    struct sockaddr_un address;
    int fd = address_of(path, &address) < 0 ? -1 : socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        fd = fd_close(fd);
    }
    return fd;
}

/* One block from one side to the other; false at its end. */
static bool pass(int from, int to)
{
    char block[16384];
    ssize_t n = read(from, block, sizeof(block));
    return n > 0 && write_all(to, block, (size_t)n) >= 0;
}

/* Pairs lie at 1 and 2, 3 and 4, …: the agent asks and answers in turn, so neither side blocks. */
static void serve(int listener, const char *agent)
{
    struct pollfd fds[1 + 2 * CONNECTIONS_MAX] = {{.fd = listener, .events = POLLIN}};
    nfds_t count = 1;
    while (poll(fds, count, -1) > 0 || errno == EINTR) {
        for (nfds_t i = 1; i < count; i++) {
            nfds_t other = i % 2 ? i + 1 : i - 1;
            if (fds[i].revents && !pass(fds[i].fd, fds[other].fd)) {
                nfds_t first = i < other ? i : other;
                fd_close(fds[first].fd);
                fd_close(fds[first + 1].fd);
                fds[first] = fds[count - 2];
                fds[first + 1] = fds[count - 1];
                count -= 2;
                break; /* what has moved is looked at in the next round */
            }
        }
        if ((fds[0].revents & POLLIN) && count < 1 + 2 * CONNECTIONS_MAX) {
            int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
            int to = client < 0 ? -1 : connect_to(agent);
            if (to < 0) {
                fd_close(client);
                continue;
            }
            fds[count++] = (struct pollfd){.fd = client, .events = POLLIN};
            fds[count++] = (struct pollfd){.fd = to, .events = POLLIN};
        }
    }
}

int ssh_relay(const char *agent, const char *path, mode_t mode, uid_t uid, gid_t gid,
              struct error **err)
{
    struct sockaddr_un address;
    CLEANUP(fd) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || address_of(path, &address) < 0 ||
        bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || chown(path, uid, gid) < 0 ||
        chmod(path, mode) < 0 || listen(fd, CONNECTIONS_MAX) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "making the socket '%s'", path);
    }
    pid_t self = getpid(), pid = fork();
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        (void)signal(SIGTERM, SIG_DFL);
        if (getppid() == self) {
            serve(fd, agent);
        }
        _exit(0);
    }
    return pid < 0 ? error_set_errno(err, ERROR_KERNEL, errno, "making a process") : 0;
}
