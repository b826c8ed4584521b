// SPDX-License-Identifier: Apache-2.0
/* The way in: from here on "/" is the container's, and the host's mounts are out of sight. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "wall/container/mount.h"
#include "wall/container/step.h"

STEP_DESCRIBE(readonly_root)
{
    describe_text(d, "the root file system");
}

STEP_CHILD(readonly_root)
{
    struct mount_attributes readonly = {.set = MOUNT_ATTR_RDONLY};
    return mount_attributes_set(a->root_fd, &readonly, false);
}

STEP_DESCRIBE(pivot)
{
    const char *how = p->host_mounts ? "the root with chroot: the mount namespace is the host's"
                      : s->no_pivot  ? "the root with MS_MOVE and chroot, as asked (--no-pivot)"
                                     : "the root with pivot_root";
    describe_text(d, "%s", how);
    describe_str(d, "by", p->host_mounts || s->no_pivot ? "chroot" : "pivot_root");
}

/* The new root over itself: the old one then lies on top of it, and is detached. No folder inside
 * is needed, so a read-only root will do. */
static int pivot(bool shared)
{
    CLEANUP(fd) int old = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (old < 0 || syscall(SYS_pivot_root, ".", ".") < 0 || fchdir(old) < 0) {
        return -errno;
    }
    /* Where the host's mounts are shared with ours, the unmounting must stay here. */
    if (shared && mount(NULL, ".", NULL, MS_SLAVE | MS_REC, NULL) < 0) {
        return -errno;
    }
    return umount2(".", MNT_DETACH) < 0 ? -errno : 0;
}

/* The root lies over "/" already, or elsewhere: whoever joins the mount namespace must find it at
 * "/". */
static int move_root(bool elsewhere)
{
    if (elsewhere && (mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) < 0 ||
                      mount(".", "/", NULL, MS_MOVE, NULL) < 0)) {
        return -errno;
    }
    return chroot(".") < 0 ? -errno : 0;
}

static int change_root(const struct plan *p, bool no_pivot)
{
    if (p->host_mounts) {
        return chroot(".") < 0 ? -errno : 0; /* anything more would move the host's root */
    }
    return no_pivot ? move_root(strcmp(p->attach_at, "/") != 0) : pivot(p->shared_mounts);
}

STEP_CHILD(pivot)
{
    if (fchdir(a->root_fd) < 0) {
        return -errno;
    }
    int r = change_root(a->plan, s->no_pivot);
    if (r < 0) {
        return r;
    }
    a->inside = true;
    return chdir("/") < 0 ? -errno : 0;
}

STEP_DESCRIBE(root_join)
{
    describe_text(d, "the root of process %d", s->number);
}

STEP_CHILD(root_join)
{
    char path[32];
    (void)snprintf(path, sizeof(path), "%d/root", s->number); /* fits */
    CLEANUP(fd) int fd = openat(a->proc_fd, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 || fchdir(fd) < 0 || chroot(".") < 0 ? -errno : 0;
}

STEP_DESCRIBE(root_propagation)
{
    bool shared = s->flags & MS_SHARED, recursive = s->flags & MS_REC;
    const char *name = shared                     ? "shared"
                       : s->flags & MS_SLAVE      ? "slave"
                       : s->flags & MS_UNBINDABLE ? "unbindable"
                                                  : "private";
    describe_text(d, "the root %s%s", recursive ? "r" : "", name);
}

STEP_CHILD(root_propagation)
{
    return mount(NULL, "/", NULL, s->flags, NULL) < 0 ? -errno : 0;
}
