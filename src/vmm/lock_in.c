// SPDX-License-Identifier: Apache-2.0
#include "vmm/lock_in.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/give_up.h"

static const int namespaces =
    CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;

/* --- namespaces --------------------------------------------------------------------------------
 */

static int refused(struct error **err, int code)
{
    int r = error_set_errno(err, code == EPERM ? ERROR_DENIED : ERROR_KERNEL, code,
                            "making namespaces for the machine's monitor");
    return error_hint(err, r, "user namespaces must be allowed: see user.max_user_namespaces");
}

static pid_t locked_in;
static volatile sig_atomic_t ended_by; /* a signal to us; 0: none */

/* The first process of a PID namespace hears of no signal that it has no handler for, but this. */
static void end_it(int number)
{
    ended_by = number;
    (void)kill(locked_in, SIGKILL); /* it may just have ended */
}

static int wait_for(pid_t pid, struct error **err)
{
    static const int ending[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT};
    int status;
    locked_in = pid;
    for (size_t i = 0; i < ARRAY_SIZE(ending); i++) {
        (void)signal(ending[i], end_it);
    }
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) {
            return error_set_errno(err, ERROR_KERNEL, errno, "waiting for the machine's monitor");
        }
    }
    if (WIFSIGNALED(status)) {
        return 128 + (ended_by ? (int)ended_by : WTERMSIG(status));
    }
    return WEXITSTATUS(status);
}

int lock_in_enter(int *ret_status, struct error **err)
{
    if (getpid() == 1) { /* whoever started us has made the pid namespace */
        return unshare(namespaces) < 0 ? refused(err, errno) : 0;
    }
    pid_t pid =
        (pid_t)syscall(SYS_clone, namespaces | CLONE_NEWPID | SIGCHLD, NULL, NULL, NULL, NULL);
    if (pid < 0) {
        return refused(err, errno);
    }
    if (pid == 0) {
        /* Nobody else would ever end it: signals from outside of its namespace are the parent's. */
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        return 0;
    }
    int status = wait_for(pid, err);
    *ret_status = status;
    return status < 0 ? status : 1;
}

/* --- descriptors -------------------------------------------------------------------------------
 */

static int compare_fds(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

static int null_unless_named(int fd, const int *fds, size_t count, struct error **err)
{
    for (size_t i = 0; i < count; i++) {
        if (fds[i] == fd) {
            return 0;
        }
    }
    CLEANUP(fd) int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int r = null < 0 || (null != fd && dup3(null, fd, O_CLOEXEC) < 0) ? -errno : 0;
    if (null == fd) {
        (void)take_fd(&null);
    }
    return r < 0 ? error_set_errno(err, ERROR_KERNEL, -r, "/dev/null") : 0;
}

int lock_in_descriptors(const int *fds, size_t count, struct error **err)
{
    CLEANUP(free) int *kept = xcalloc(count + 1, sizeof(*kept));
    unsigned next = STDERR_FILENO + 1;
    memcpy(kept, fds, count * sizeof(*kept));
    qsort(kept, count, sizeof(*kept), compare_fds);
    for (size_t i = 0; i < count; i++) {
        if (kept[i] < 0) {
            continue;
        }
        if (fcntl(kept[i], F_GETFD) < 0) {
            return error_set_errno(err, ERROR_USAGE, errno, "descriptor %d of the machine",
                                   kept[i]);
        }
        unsigned fd = (unsigned)kept[i];
        if (fd > next) {
            (void)syscall(SYS_close_range, next, fd - 1, 0); /* valid bounds: cannot fail */
        }
        next = fd >= next ? fd + 1 : next;
    }
    (void)syscall(SYS_close_range, next, ~0u, 0);
    int r = null_unless_named(STDIN_FILENO, fds, count, err);
    return r < 0 ? r : null_unless_named(STDOUT_FILENO, fds, count, err);
}

/* --- the process -------------------------------------------------------------------------------
 */

/* No core file, no further descriptor, no locked memory. Threads are counted by their user, who
 * may have others: that none is added is for seccomp to hold. */
static int set_limits(struct error **err)
{
    static const int to_zero[] = {RLIMIT_CORE, RLIMIT_NOFILE, RLIMIT_MEMLOCK, RLIMIT_MSGQUEUE};
    const struct rlimit zero = {0, 0};
    for (size_t i = 0; i < ARRAY_SIZE(to_zero); i++) {
        if (setrlimit((__rlimit_resource_t)to_zero[i], &zero) < 0) {
            return error_set_errno(err, ERROR_KERNEL, errno, "limiting the machine's monitor");
        }
    }
    return 0;
}

int lock_in_process(struct error **err)
{
    int r = give_up_files(err);
    r = r < 0 ? r : set_limits(err);
    r = r < 0 ? r : give_up_capabilities(err);
    if (r >= 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) {
        r = error_set_errno(err, ERROR_KERNEL, errno, "PR_SET_DUMPABLE");
    }
    return r;
}
