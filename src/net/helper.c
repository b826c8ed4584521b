// SPDX-License-Identifier: Apache-2.0
#include "net/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/error_json.h"
#include "base/file.h"
#include "base/paths.h"
#include "base/str.h"

#define ARGUMENTS_MAX 8
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

static int add_descriptors(posix_spawn_file_actions_t *actions, int answer)
{
    int sock = firewall_socket();
    int r = posix_spawn_file_actions_adddup2(actions, answer, 1);
    return r || sock < 0 ? r
                         : posix_spawn_file_actions_adddup2(actions, sock, NET_HELPER_FIREWALL_FD);
}

/* No signal is blocked or ignored in the helper, whatever its starter does with its own. */
static int spawn(const char *path, char *const *argv, int answer, pid_t *ret_pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    char *const environment[] = {NULL};
    int r = posix_spawn_file_actions_init(&actions);
    if (r != 0) {
        return -r;
    }
    r = posix_spawnattr_init(&attributes);
    if (r == 0) {
        (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
        (void)posix_spawnattr_setsigmask(&attributes, &none);
        (void)posix_spawnattr_setsigdefault(&attributes, &all);
        r = add_descriptors(&actions, answer);
        r = r ? r : posix_spawn(ret_pid, path, &actions, &attributes, argv, environment);
        (void)posix_spawnattr_destroy(&attributes);
    }
    (void)posix_spawn_file_actions_destroy(&actions);
    return -r;
}

static int wait_for(pid_t pid, int *ret_status)
{
    while (waitpid(pid, ret_status, 0) < 0) {
        if (errno != EINTR) {
            return -errno;
        }
    }
    return 0;
}

int net_helper_run(const char *const *arguments, struct error **err)
{
    CLEANUP(free) char *path = program_path("cloison-net");
    char *argv[ARGUMENTS_MAX + 2] = {(char[]){"cloison-net"}};
    for (int i = 0; arguments[i] && i < ARGUMENTS_MAX; i++) {
        argv[i + 1] = (char *)arguments[i]; /* posix_spawn() writes to none of them */
    }
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "making a pipe");
    }
    CLEANUP(fd) int reading = ends[0];
    CLEANUP(fd) int writing = ends[1];
    pid_t pid = 0;
    int r = spawn(path, argv, writing, &pid);
    if (r < 0) {
        return error_set_errno(err, ERROR_KERNEL, -r, "executing '%s'", path);
    }
    writing = fd_close(writing);
    char answer[ANSWER_MAX];
    ssize_t len = read_all(reading, answer, sizeof(answer));
    int status = 0;
    r = wait_for(pid, &status);
    if (r < 0) {
        return error_set_errno(err, ERROR_KERNEL, -r, "waiting for '%s'", path);
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        return 0;
    }
    return error_from_json(answer, len > 0 ? (size_t)len : 0, "cloison-net", err);
}
