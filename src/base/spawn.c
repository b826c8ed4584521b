// SPDX-License-Identifier: Apache-2.0
#include "base/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/paths.h"
#include "base/str.h"

#define ARGUMENTS_MAX 8

static int add_descriptors(posix_spawn_file_actions_t *actions, const struct spawn_fd *fds,
                           size_t count)
{
    int r = 0;
    for (size_t i = 0; i < count && r == 0; i++) {
        r = posix_spawn_file_actions_adddup2(actions, fds[i].fd, fds[i].as);
    }
    return r;
}

static int spawn(const char *path, char *const *argv, const struct spawn_fd *fds, size_t count,
                 pid_t *ret_pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    char *const environment[] = {NULL};
    int r = posix_spawn_file_actions_init(&actions);
    if (r != 0) {
        return r;
    }
    r = posix_spawnattr_init(&attributes);
    if (r == 0) {
        (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
        (void)posix_spawnattr_setsigmask(&attributes, &none);
        (void)posix_spawnattr_setsigdefault(&attributes, &all);
        r = add_descriptors(&actions, fds, count);
        r = r ? r : posix_spawn(ret_pid, path, &actions, &attributes, argv, environment);
        (void)posix_spawnattr_destroy(&attributes);
    }
    (void)posix_spawn_file_actions_destroy(&actions);
    return r;
}

int program_spawn(const char *name, const char *const *arguments, const struct spawn_fd *fds,
                  size_t fd_count, pid_t *ret_pid, struct error **err)
{
    CLEANUP(free) char *path = program_path(name);
    char *argv[ARGUMENTS_MAX + 2] = {(char *)name}; /* posix_spawn() writes to none of them */
    for (int i = 0; arguments[i] && i < ARGUMENTS_MAX; i++) {
        argv[i + 1] = (char *)arguments[i];
    }
    int r = spawn(path, argv, fds, fd_count, ret_pid);
    if (r == 0) {
        return 0;
    }
    r = error_set_errno(err, ERROR_KERNEL, r, "executing '%s'", path);
    return r == -ENOENT ? error_hint(err, r, "is cloison installed whole?") : r;
}

int program_wait(pid_t pid, int *ret_status)
{
    while (waitpid(pid, ret_status, 0) < 0) {
        if (errno != EINTR) {
            return -errno;
        }
    }
    return 0;
}

/* A program of ours begins its words with its name, and they are enough. */
static int failed(const char *path, const char *said, struct error **err)
{
    const char *name = strrchr(path, '/');
    CLEANUP(free) char *prefix = str_format("%s: ", name ? name + 1 : path);
    if (name && str_starts(said, prefix)) {
        return error_set(err, ERROR_KERNEL, 0, "%s", said + strlen(prefix));
    }
    return error_set(err, ERROR_KERNEL, 0, "'%s' failed: %s", path,
                     said[0] ? said : "it says nothing");
}

int run_program(const char *const *arguments, char **ret_line, struct error **err)
{
    static char *const environment[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL};
    posix_spawn_file_actions_t actions;
    char said[512] = "";
    int ends[2], status;
    pid_t pid;
    if (pipe2(ends, O_CLOEXEC) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "a pipe");
    }
    (void)posix_spawn_file_actions_init(&actions); /* memory alone */
    if (ret_line) {
        (void)posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    } else {
        (void)posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    }
    (void)posix_spawn_file_actions_adddup2(&actions, ends[1], 2);
    int r = posix_spawnp(&pid, arguments[0], &actions, NULL, (char *const *)(uintptr_t)arguments,
                         environment);
    (void)posix_spawn_file_actions_destroy(&actions);
    fd_close(ends[1]);
    if (r != 0) {
        fd_close(ends[0]);
        return error_set_errno(err, ERROR_NOT_FOUND, r, "executing '%s'", arguments[0]);
    }
    ssize_t n = read_all(ends[0], said, sizeof(said) - 1);
    fd_close(ends[0]);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    said[n > 0 ? n : 0] = '\0';
    said[strcspn(said, "\n")] = '\0';
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        return failed(arguments[0], said, err);
    }
    if (ret_line) {
        *ret_line = xstrdup(said);
    }
    return 0;
}
