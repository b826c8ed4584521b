// SPDX-License-Identifier: Apache-2.0
#include "vmm/lock_in.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/mount.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"

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

static void forward(int number)
{
    (void)kill(locked_in, number); /* it may just have ended */
}

static int wait_for(pid_t pid, struct error **err)
{
    static const int forwarded[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT};
    int status;
    locked_in = pid;
    for (size_t i = 0; i < ARRAY_SIZE(forwarded); i++) {
        (void)signal(forwarded[i], forward);
    }
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) {
            return error_set_errno(err, ERROR_KERNEL, errno, "waiting for the machine's monitor");
        }
    }
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
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

/* An empty, read-only tmpfs becomes the root; the host's tree goes. */
static int empty_root(struct error **err)
{
    const char *what = "fsopen";
    CLEANUP(fd) int context = (int)syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC);
    CLEANUP(fd) int tree = -1;
    if (context < 0) {
        goto failed;
    }
    what = "fsmount";
    if (syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, "size", "4096", 0) < 0 ||
        syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0) {
        goto failed;
    }
    tree =
        (int)syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC,
                     MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
    if (tree < 0) {
        goto failed;
    }
    what = "pivot_root";
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        syscall(SYS_move_mount, tree, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0 ||
        fchdir(tree) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 ||
        chdir("/") < 0) {
        goto failed;
    }
    return 0;
failed:
    return error_set_errno(err, ERROR_KERNEL, errno, "%s of an empty root", what);
}

static int drop_capabilities(struct error **err)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0};
    for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++) {
        if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0) {
            return error_set_errno(err, ERROR_KERNEL, errno, "dropping capability %lu", cap);
        }
    }
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 ||
        syscall(SYS_capset, &header, none) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "dropping every capability");
    }
    return 0;
}

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
    int r = empty_root(err);
    r = r < 0 ? r : set_limits(err);
    r = r < 0 ? r : drop_capabilities(err);
    if (r >= 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) {
        r = error_set_errno(err, ERROR_KERNEL, errno, "PR_SET_DUMPABLE");
    }
    return r;
}
