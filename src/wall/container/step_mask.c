// SPDX-License-Identifier: Apache-2.0
/* What of /proc and /sys is hidden or read-only, and kernel parameters. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/file.h"
#include "wall/container/mount.h"
#include "wall/container/step.h"

static void describe_path(const struct step *s, struct description *d)
{
    describe_text(d, "'/%s'", s->path.path);
    CLEANUP(free) char *path = str_format("/%s", s->path.path);
    describe_str(d, "path", path);
}

/* A path the image or the kernel does not have needs no protection. */
static bool is_absent(int code)
{
    return code == -ENOENT || code == -ENOTDIR;
}

STEP_DESCRIBE(readonly_path)
{
    describe_path(s, d);
}

STEP_CHILD(readonly_path)
{
    const struct mount_attributes readonly = {.set = MOUNT_ATTR_RDONLY};
    CLEANUP(fd) int target = target_open(a->root_fd, s->path.path, TARGET_ANY, false);
    if (target < 0) {
        return is_absent(target) ? 0 : step_fail(a, target, DETAIL_TARGET, 0);
    }
    CLEANUP(fd) int fd = mount_clone(target, "", true);
    int r = fd < 0 ? fd : mount_attributes_set(fd, &readonly, true);
    return r < 0 ? r : mount_attach(fd, target);
}

STEP_DESCRIBE(mask)
{
    describe_path(s, d);
}

/* The host's /dev/null, and truly that: the container's own could be anything. */
static int clone_null(void)
{
    struct stat st;
    int fd = mount_clone(AT_FDCWD, "/dev/null", false);
    if (fd >= 0 && (fstat(fd, &st) < 0 || !S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3))) {
        fd_close(fd);
        return -ENODEV;
    }
    return fd;
}

/* One empty tmpfs covers all masked folders: the first is made, the others are its clones. */
static int clone_empty(struct apply *a)
{
    static const struct mount_parameter parameters[] = {{"mode", "755"}, {"nr_inodes", "2"}};
    if (a->mask_fd >= 0) {
        return mount_clone(a->mask_fd, "", false);
    }
    return mount_new("tmpfs", "tmpfs", parameters, ARRAY_SIZE(parameters),
                     MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
                     NULL);
}

STEP_CHILD(mask)
{
    struct stat st;
    CLEANUP(fd) int target = target_open(a->root_fd, s->path.path, TARGET_ANY, false);
    if (target < 0) {
        return is_absent(target) ? 0 : step_fail(a, target, DETAIL_TARGET, 0);
    }
    if (fstat(target, &st) < 0) {
        return step_fail(a, -errno, DETAIL_TARGET, 0);
    }
    CLEANUP(fd) int fd = S_ISDIR(st.st_mode) ? clone_empty(a) : clone_null();
    if (fd < 0) {
        return step_fail(a, fd, DETAIL_SOURCE, 0);
    }
    int r = mount_attach(fd, target);
    if (r == 0 && S_ISDIR(st.st_mode) && a->mask_fd < 0) {
        a->mask_fd = take_fd(&fd);
    }
    return r;
}

STEP_DESCRIBE(sysctl)
{
    describe_text(d, "%s = %s", s->sysctl.key, s->sysctl.value);
    describe_str(d, "key", s->sysctl.key);
    describe_str(d, "value", s->sysctl.value);
}

/* Through the host's procfs, which the parent opened and verified: what the container has at /proc
 * is not consulted. The kernel answers for the namespaces of whoever writes. */
STEP_CHILD(sysctl)
{
    struct statfs st;
    CLEANUP(fd) int fd = openat(a->proc_fd, s->sysctl.file, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return -errno;
    }
    if (fstatfs(fd, &st) < 0 || st.f_type != PROC_SUPER_MAGIC) {
        return step_fail(a, -EPERM, DETAIL_NOT_PROC, 0);
    }
    return write_all(fd, s->sysctl.value, strlen(s->sysctl.value));
}
