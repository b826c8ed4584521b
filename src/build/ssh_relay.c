// SPDX-License-Identifier: Apache-2.0
#include "build/ssh_relay.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

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

/* In a child: a program without a terminal to ask on, and whose words nobody needs. */
static void become(const char *const *argv)
{
    int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
    (void)setsid();
    (void)signal(SIGTERM, SIG_DFL);
    for (int fd = 0; fd < 3 && nowhere >= 0; fd++) {
        (void)dup2(nowhere, fd); /* valid */
    }
    (void)execvp(argv[0], (char *const *)argv);
    _exit(127);
}

static int start(const char *const *argv, pid_t *ret, struct error **err)
{
    pid_t pid = fork();
    if (pid == 0) {
        become(argv);
    }
    *ret = pid;
    return pid < 0 ? error_set_errno(err, ERROR_KERNEL, errno, "making a process") : 0;
}

/* In a child: starts the program, and ends it when the other end of the pipe is closed, however its
 * holder ended. (ssh-agent is set-group-ID: PR_SET_PDEATHSIG is none of its.) */
static void keep_watch(int pipe_end, const char *const *argv)
{
    pid_t pid = -1;
    int status, r = start(argv, &pid, NULL);
    (void)setsid();
    struct pollfd fds[2] = {
        {.fd = pipe_end, .events = POLLIN},
        {.fd = r < 0 ? -1 : (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN}};
    while (r >= 0 && !fds[0].revents && !fds[1].revents &&
           (poll(fds, 2, -1) > 0 || errno == EINTR)) {
    }
    if (r >= 0 && !fds[1].revents) {
        (void)kill(pid, SIGTERM);
        (void)waitpid(pid, &status, 0); /* it was told to end */
    }
    _exit(0);
}

/* The pipe's end of ours stays open for as long as this process lives. */
static int start_watched(const char *const *argv, pid_t *ret, struct error **err)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "making a pipe");
    }
    *ret = fork();
    if (*ret == 0) {
        fd_close(ends[1]);
        keep_watch(ends[0], argv);
    }
    fd_close(ends[0]);
    return *ret < 0 ? error_set_errno(err, ERROR_KERNEL, errno, "making a process") : 0;
}

/* The agent makes its socket, and may end before. */
static int await_agent(pid_t pid, const char *path, struct error **err)
{
    const struct timespec pause = {.tv_nsec = 2000000};
    for (;;) {
        int status, fd = connect_to(path);
        if (fd >= 0) {
            fd_close(fd);
            return 0;
        }
        if (waitpid(pid, &status, WNOHANG) == pid) {
            int r = error_set(err, ERROR_UNSUPPORTED, 0, "the program 'ssh-agent' has ended");
            return error_hint(err, r, "install openssh-client, or give --ssh an agent's socket");
        }
        (void)nanosleep(&pause, NULL); /* there is nothing to wait on before the socket is there */
    }
}

int ssh_agent_with_key(const char *key, const char *path, struct error **err)
{
    const char *const agent[] = {"ssh-agent", "-D", "-a", path, NULL};
    const char *const add[] = {"ssh-add", "-q", "--", key, NULL};
    int status = 0;
    pid_t pid = -1, adder = -1;
    int r = start_watched(agent, &pid, err);
    r = r < 0 ? r : await_agent(pid, path, err);
    if (r < 0) {
        return r;
    }
    (void)setenv("SSH_AUTH_SOCK", path, 1); /* of this job alone */
    r = start(add, &adder, err);
    while (r >= 0 && waitpid(adder, &status, 0) < 0 && errno == EINTR) {
    }
    if (r >= 0 && status != 0) {
        r = error_set(err, ERROR_INVALID_INPUT, 0, "ssh-add does not take the key '%s'", key);
        return error_hint(err, r, "one with a passphrase: ssh-add it, and give --ssh default");
    }
    return r;
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
