// SPDX-License-Identifier: Apache-2.0
/* A session of its own, a pseudo-terminal of the container's own devpts, and 0, 1, 2.
 *
 * The terminal of whoever runs the engine is never handed in: what is typed into a terminal from
 * inside (TIOCSTI) reaches nobody but the container itself. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <unistd.h>

#include "base/file.h"
#include "wall/container/channel.h"
#include "wall/container/mount.h"
#include "wall/container/step.h"

STEP_DESCRIBE(session)
{
    describe_text(d, "a new session");
}

STEP_CHILD(session)
{
    (void)umask(0); /* modes in the plan are meant exactly; the process's own comes later */
    /* A process group leader has been given a session by the clone: only then it fails. */
    return setsid() < 0 && errno != EPERM ? -errno : 0;
}

STEP_DESCRIBE(terminal)
{
    describe_text(d, "a pseudo-terminal of '/dev/pts'");
    if (s->terminal.sized) {
        describe_extra(d, "%u rows, %u columns", s->terminal.rows, s->terminal.columns);
        describe_int(d, "rows", s->terminal.rows);
        describe_int(d, "columns", s->terminal.columns);
    }
    describe_bool(d, "console", s->terminal.bind_console);
}

/* Of the container's devpts, and of nothing that an image put in its place. */
static int open_master(struct apply *a)
{
    struct statfs st;
    int root = a->inside ? open("/", O_PATH | O_DIRECTORY | O_CLOEXEC) : a->root_fd;
    int fd = open_in_root(root, "dev/pts/ptmx", O_RDWR | O_NOCTTY, 0);
    if (a->inside) {
        fd_close(root);
    }
    if (fd < 0) {
        return step_fail(a, fd, DETAIL_NO_DEVPTS, 0);
    }
    if (fstatfs(fd, &st) < 0 || st.f_type != DEVPTS_SUPER_MAGIC) {
        fd_close(fd);
        return step_fail(a, -ENODEV, DETAIL_NO_DEVPTS, 0);
    }
    return fd;
}

/* By descriptor from the master: no name in /dev/pts is looked up, so none can be swapped. */
static int bind_console(struct apply *a, int slave)
{
    CLEANUP(fd) int mount_fd = mount_clone(slave, "", false);
    if (mount_fd < 0) {
        return step_fail(a, mount_fd, DETAIL_SOURCE, 0);
    }
    CLEANUP(fd) int target = target_open(a->root_fd, "dev/console", TARGET_FILE, true);
    if (target < 0) {
        return step_fail(a, target, DETAIL_TARGET, 0);
    }
    return mount_attach(mount_fd, target);
}

STEP_CHILD(terminal)
{
    int unlock = 0;
    CLEANUP(fd) int master = open_master(a);
    if (master < 0) {
        return master;
    }
    if (ioctl(master, TIOCSPTLCK, &unlock) < 0) {
        return -errno;
    }
    CLEANUP(fd) int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (slave < 0) {
        return -errno;
    }
    struct winsize size = {.ws_row = s->terminal.rows, .ws_col = s->terminal.columns};
    if (s->terminal.sized && ioctl(master, TIOCSWINSZ, &size) < 0) {
        return -errno;
    }
    int r = s->terminal.bind_console ? bind_console(a, slave) : 0;
    if (r < 0) {
        return r;
    }
    const struct message m = {.kind = MESSAGE_TERMINAL};
    r = channel_send(a->channel, &m, &master, 1);
    if (r < 0) {
        return r;
    }
    if (ioctl(slave, TIOCSCTTY, 0) < 0) {
        return -errno;
    }
    a->stdio[0] = a->stdio[1] = a->stdio[2] = take_fd(&slave);
    return 0;
}

STEP_DESCRIBE(stdio)
{
    describe_text(d, p->terminal ? "the terminal as 0, 1, 2" : "0, 1, 2");
}

/* The three may be among 0 … 2 in any order: first all go out of the way. */
STEP_CHILD(stdio)
{
    int high[3];
    for (int i = 0; i < 3; i++) {
        high[i] = fcntl(a->stdio[i], F_DUPFD_CLOEXEC, 3);
        if (high[i] < 0) {
            return -errno;
        }
    }
    for (int i = 0; i < 3; i++) {
        if (dup2(high[i], i) < 0) {
            return -errno;
        }
        fd_close(high[i]);
    }
    return 0;
}

STEP_DESCRIBE(null_stdio)
{
    describe_text(d, "/dev/null anew where 0, 1, 2 are the host's");
}

static bool is_null(int fd)
{
    struct stat st;
    return fd >= 0 && fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3);
}

/* The host's /dev/null lies on a mount that the container does not have: CRIU could not save it,
 * and /proc/self/fd/0 would lead nowhere. A root without the node keeps the host's. */
STEP_CHILD(null_stdio)
{
    CLEANUP(fd) int null = -1;
    for (int fd = 0; fd < 3; fd++) {
        if (!is_null(fd)) {
            continue;
        }
        null = null < 0 ? open("/dev/null", O_RDWR | O_CLOEXEC | O_NOCTTY) : null;
        if (is_null(null) && dup2(null, fd) < 0) {
            return -errno;
        }
    }
    return 0;
}
