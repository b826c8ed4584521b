// SPDX-License-Identifier: Apache-2.0
/* Device nodes and the links beside them. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/file.h"
#include "wall/container/mount.h"
#include "wall/container/step.h"

STEP_DESCRIBE(device)
{
    const struct step_device *x = &s->device;
    const char *type = S_ISBLK(x->mode) ? "b" : S_ISFIFO(x->mode) ? "p" : "c";
    describe_text(d, "'/%s' (%s %u:%u)", x->path, type, x->major, x->minor);
    describe_extra(d, "mode %04o, owner %u:%u%s", x->mode & 07777, x->uid, x->gid,
                   x->bind ? ", the host's node bound" : "");
    CLEANUP(free) char *path = str_format("/%s", x->path);
    describe_str(d, "path", path);
    describe_str(d, "type", type);
    describe_int(d, "major", x->major);
    describe_int(d, "minor", x->minor);
    describe_bool(d, "bind", x->bind);
}

static bool is_same(const struct stat *st, const struct step_device *x)
{
    return (st->st_mode & S_IFMT) == (x->mode & S_IFMT) &&
           (S_ISFIFO(x->mode) || st->st_rdev == makedev(x->major, x->minor));
}

/* The host's node, known to be the device that was asked for, over an empty file. */
static int bind_device(struct apply *a, const struct step_device *x)
{
    struct stat st;
    CLEANUP(fd) int fd = mount_clone(AT_FDCWD, x->host_path, false);
    if (fd < 0 || fstat(fd, &st) < 0) {
        return step_fail(a, fd < 0 ? fd : -errno, DETAIL_SOURCE, 0);
    }
    if (!is_same(&st, x)) {
        return step_fail(a, -ENODEV, DETAIL_NOT_DEVICE, 0);
    }
    const struct mount_attributes plain = {.set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC};
    int r = mount_attributes_set(fd, &plain, false);
    if (r < 0) {
        return step_fail(a, r, DETAIL_ATTRIBUTES, 0);
    }
    CLEANUP(fd) int target = target_open(a->root_fd, x->path, TARGET_FILE, false);
    if (target < 0) {
        return step_fail(a, target, DETAIL_TARGET, 0);
    }
    return mount_attach(fd, target);
}

/* What the image has there is kept only when it is that very device. */
static int make_way(int folder, const char *name, const struct step_device *x)
{
    struct stat st;
    if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
        return -errno;
    }
    if (is_same(&st, x)) {
        return 0;
    }
    if (unlinkat(folder, name, S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0) < 0 ||
        mknodat(folder, name, x->mode, makedev(x->major, x->minor)) < 0) {
        return -errno;
    }
    return 0;
}

/* Mode and owner through a descriptor: the name could be swapped behind our back. */
static int set_owner(struct apply *a, int folder, const char *name, const struct step_device *x)
{
    struct stat st;
    CLEANUP(fd) int fd = openat(folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0) {
        return -errno;
    }
    if (!is_same(&st, x)) {
        return step_fail(a, -EEXIST, DETAIL_NOT_DEVICE, 0);
    }
    if ((st.st_uid != x->uid || st.st_gid != x->gid) &&
        fchownat(fd, "", x->uid, x->gid, AT_EMPTY_PATH) < 0) {
        return -errno;
    }
    if ((st.st_mode & 07777) == (x->mode & 07777)) {
        return 0;
    }
    char path[32]; /* fchmodat(2) has no AT_EMPTY_PATH before 6.6 */
    snprintf(path, sizeof(path), "self/fd/%d", fd);
    return fchmodat(a->proc_fd, path, x->mode & 07777, 0) < 0 ? -errno : 0;
}

STEP_CHILD(device)
{
    const struct step_device *x = &s->device;
    if (x->bind) {
        return bind_device(a, x);
    }
    const char *name;
    CLEANUP(fd) int folder = target_parent(a->root_fd, x->path, &name);
    if (folder < 0) {
        return step_fail(a, folder, DETAIL_TARGET, 0);
    }
    int r = 0;
    if (mknodat(folder, name, x->mode, makedev(x->major, x->minor)) < 0) {
        r = errno == EEXIST ? make_way(folder, name, x) : -errno;
    }
    return r < 0 ? r : set_owner(a, folder, name, x);
}

STEP_DESCRIBE(symlink)
{
    describe_text(d, "'/%s' -> '%s'", s->symlink.path, s->symlink.target);
    CLEANUP(free) char *path = str_format("/%s", s->symlink.path);
    describe_str(d, "path", path);
    describe_str(d, "target", s->symlink.target);
}

/* A link that is there already, or whatever the image has in its place, is the image's decision. */
STEP_CHILD(symlink)
{
    const char *name;
    CLEANUP(fd) int folder = target_parent(a->root_fd, s->symlink.path, &name);
    if (folder < 0) {
        return step_fail(a, folder, DETAIL_TARGET, 0);
    }
    return symlinkat(s->symlink.target, folder, name) < 0 && errno != EEXIST ? -errno : 0;
}
