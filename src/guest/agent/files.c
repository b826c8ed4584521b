// SPDX-License-Identifier: Apache-2.0
#include "guest/agent/files.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>

#include "base/file.h"

enum { FOLDER_FD = 3 };

static int failed(struct error **err, const char *what)
{
    return error_set_errno(err, ERROR_KERNEL, errno, "showing the machine's files: %s", what);
}

/* The workload's root as it mounted it, nothing of what it mounted on top: a clone of that one
 * mount, made where it is. */
static int open_workload_root(pid_t pid, struct error **err)
{
    CLEANUP(free) char *path = str_format("/proc/%d/ns/mnt", pid);
    CLEANUP(fd) int ours = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
    CLEANUP(fd) int theirs = open(path, O_RDONLY | O_CLOEXEC);
    /* A first process shares its root and working folder with the kernel's threads. */
    if (ours < 0 || theirs < 0 || unshare(CLONE_FS) < 0 || setns(theirs, CLONE_NEWNS) < 0) {
        return failed(err, "the workload has ended");
    }
    int tree = (int)syscall(SYS_open_tree, AT_FDCWD, "/", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    int r = tree < 0 ? failed(err, "its root") : 0;
    if (setns(ours, CLONE_NEWNS) < 0 && r >= 0) {
        r = failed(err, "back from its root");
    }
    return r < 0 ? r : tree;
}

static int open_tree_of(const char *tree, const struct guest_workload *g, struct error **err)
{
    if (str_equal(tree, "processes")) {
        return open_file(AT_FDCWD, "/proc", O_PATH | O_DIRECTORY, 0, err);
    }
    if (str_equal(tree, "upper")) {
        return open_file(AT_FDCWD, WORKLOAD_UPPER, O_PATH | O_DIRECTORY, 0, err);
    }
    if (!str_equal(tree, "root")) {
        return error_set(err, ERROR_INVALID_INPUT, 0, "there is no tree '%s'", tree);
    }
    if (!g->workload) {
        return open_file(AT_FDCWD, WORKLOAD_MERGED, O_PATH | O_DIRECTORY, 0, err);
    }
    return open_workload_root(wall_container.pid(g->workload), err);
}

/* Never returns. */
static void execute(int program, int folder, const struct wall_io *io)
{
    static char name[] = "cloison-fs", mode[] = "stream", fd[] = "3";
    char *const arguments[] = {name, mode, fd, NULL}, *const environment[] = {NULL};
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)signal(SIGPIPE, SIG_DFL);
    /* Ours are all above 2, where nothing else is. */
    int moved = fcntl(folder, F_DUPFD_CLOEXEC, FOLDER_FD + 1);
    if (dup2(io->in, STDIN_FILENO) >= 0 && dup2(io->out, STDOUT_FILENO) >= 0 &&
        dup2(io->err, STDERR_FILENO) >= 0 &&
        (program != FOLDER_FD || (program = fcntl(program, F_DUPFD_CLOEXEC, FOLDER_FD + 1)) >= 0) &&
        dup2(moved, FOLDER_FD) >= 0) {
        (void)fexecve(program, arguments, environment);
    }
    _exit(127);
}

pid_t files_start(int program, const char *tree, const struct guest_workload *g,
                  const struct wall_io *io, struct error **err)
{
    if (program < 0) {
        return error_set(err, ERROR_UNSUPPORTED, 0, "this machine has no " FILES_PROGRAM);
    }
    CLEANUP(fd) int folder = open_tree_of(tree, g, err);
    if (folder < 0) {
        return folder;
    }
    pid_t pid = fork();
    if (pid == 0) {
        execute(program, folder, io);
    }
    return pid < 0 ? failed(err, "fork") : pid;
}
