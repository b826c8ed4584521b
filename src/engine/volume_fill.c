// SPDX-License-Identifier: Apache-2.0
#include "engine/volume_fill.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#define DEPTH_MAX 128 /* of folders: each level holds two fds */
#define XATTR_MAX 65536

static int copy_xattrs(int from, int to)
{
    char names[XATTR_MAX], value[XATTR_MAX];
    ssize_t len = flistxattr(from, names, sizeof(names));
    for (char *name = names; len > 0 && name < names + len; name += strlen(name) + 1) {
        ssize_t n = fgetxattr(from, name, value, sizeof(value));
        if (n >= 0 && fsetxattr(to, name, value, (size_t)n, 0) < 0 && errno != EOPNOTSUPP) {
            return -errno;
        }
    }
    return 0;
}

static int copy_owner(int to, const struct stat *st)
{
    struct timespec times[2] = {st->st_atim, st->st_mtim};
    if (fchown(to, st->st_uid, st->st_gid) < 0 || fchmod(to, st->st_mode & 07777) < 0 ||
        futimens(to, times) < 0) {
        return -errno;
    }
    return 0;
}

static int copy_file(int from_dir, int to_dir, const char *name, const struct stat *st)
{
    CLEANUP(fd) int from = openat(from_dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    CLEANUP(fd) int to = openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    ssize_t n = 1;
    while (from >= 0 && to >= 0 && n > 0) {
        n = sendfile(to, from, NULL, 1 << 20);
    }
    if (from < 0 || to < 0 || n < 0) {
        return -errno;
    }
    int r = copy_xattrs(from, to);
    return r < 0 ? r : copy_owner(to, st);
}

static int copy_symlink(int from_dir, int to_dir, const char *name, const struct stat *st)
{
    char target[4096];
    ssize_t n = readlinkat(from_dir, name, target, sizeof(target) - 1);
    if (n < 0) {
        return -errno;
    }
    target[n] = '\0';
    struct timespec times[2] = {st->st_atim, st->st_mtim};
    if (symlinkat(target, to_dir, name) < 0 ||
        fchownat(to_dir, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0 ||
        utimensat(to_dir, name, times, AT_SYMLINK_NOFOLLOW) < 0) {
        return -errno;
    }
    return 0;
}

static int copy_folder(int from, int to, int depth);

static int copy_subfolder(int from_dir, int to_dir, const char *name, int depth)
{
    if (mkdirat(to_dir, name, 0700) < 0) {
        return -errno;
    }
    CLEANUP(fd) int from = openat(from_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    CLEANUP(fd) int to = openat(to_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return from < 0 || to < 0 ? -errno : copy_folder(from, to, depth + 1);
}

static int copy_entry(int from, int to, const char *name, int depth)
{
    struct stat st;
    if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
        return -errno;
    }
    switch (st.st_mode & S_IFMT) {
    case S_IFDIR:
        return copy_subfolder(from, to, name, depth);
    case S_IFREG:
        return copy_file(from, to, name, &st);
    case S_IFLNK:
        return copy_symlink(from, to, name, &st);
    default: /* devices, fifos, sockets */
        return mknodat(to, name, st.st_mode, st.st_rdev) < 0 ||
                       fchownat(to, name, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) < 0
                   ? -errno
                   : 0;
    }
}

static int copy_folder(int from, int to, int depth)
{
    CLEANUP(dir) DIR *dir = fdopendir(fcntl(from, F_DUPFD_CLOEXEC, 3));
    struct dirent *d;
    struct stat st;
    int r = 0;
    if (!dir || fstat(from, &st) < 0) {
        return -errno;
    }
    if (depth > DEPTH_MAX) {
        return -ELOOP;
    }
    while (r == 0 && (d = readdir(dir))) {
        if (!str_equal(d->d_name, ".") && !str_equal(d->d_name, "..")) {
            r = copy_entry(from, to, d->d_name, depth);
        }
    }
    if (r == 0) {
        r = copy_xattrs(from, to);
    }
    return r < 0 ? r : copy_owner(to, &st);
}

/* In a child with a mount namespace of its own: the image's merged tree at `at`, read only. With
 * one layer there is nothing to merge. */
static int mount_image(const struct container *c, const char *at)
{
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
        return -errno;
    }
    if (c->layers.count == 1) {
        return mount(c->layers.items[0], at, NULL, MS_BIND, NULL) < 0 ? -errno : 0;
    }
    CLEANUP(free) char *lower = strv_join(&c->layers, ":");
    CLEANUP(free) char *options = str_format("lowerdir=%s", lower);
    return mount("overlay", at, "overlay", MS_RDONLY, options) < 0 ? -errno : 0;
}

static int fill(const struct container *c, const char *destination, const char *to)
{
    CLEANUP(fd) int target = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CLEANUP(free) char *at = str_format("%s/../at", to);
    if (target < 0 || mkdir(at, 0700) < 0) {
        return -errno;
    }
    int r = mount_image(c, at);
    CLEANUP(fd) int root = r < 0 ? -1 : open(at, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0) {
        return r < 0 ? r : -errno;
    }
    CLEANUP(fd) int from = open_in_root(root, destination, O_RDONLY | O_DIRECTORY, 0);
    if (from == -ENOENT || from == -ENOTDIR) {
        return 0;
    }
    return from < 0 ? from : copy_folder(from, target, 0);
}

int volume_fill(const struct container *c, const char *destination, const char *to,
                struct error **err)
{
    CLEANUP(free) char *at = str_format("%s/../at", to);
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        _exit(-fill(c, destination, to));
    }
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    (void)rmdir(at); /* the child's mount point, empty again */
    if (pid < 0 || !WIFEXITED(status) || WEXITSTATUS(status)) {
        int code = pid > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
        return error_set_errno(err, ERROR_KERNEL, code, "copying the image's '%s' into it",
                               destination);
    }
    return 0;
}
