// SPDX-License-Identifier: Apache-2.0
#include "base/copy_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/file.h"

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

static int set_attributes(int to, const struct stat *st, struct copy *how)
{
    struct timespec times[2] = {st->st_atim, st->st_mtim};
    uid_t uid = how && how->set_owner ? how->uid : st->st_uid;
    gid_t gid = how && how->set_owner ? how->gid : st->st_gid;
    if (fchown(to, uid, gid) < 0 || fchmod(to, st->st_mode & 07777) < 0 ||
        futimens(to, times) < 0) {
        return -errno;
    }
    return 0;
}

static int set_owner_at(int to, const char *name, const struct stat *st, struct copy *how)
{
    struct timespec times[2] = {st->st_atim, st->st_mtim};
    if (fchownat(to, name, how && how->set_owner ? how->uid : st->st_uid,
                 how && how->set_owner ? how->gid : st->st_gid, AT_SYMLINK_NOFOLLOW) < 0 ||
        utimensat(to, name, times, AT_SYMLINK_NOFOLLOW) < 0) {
        return -errno;
    }
    return 0;
}

/* Room for what is no folder. */
static int clear_the_way(int to, const char *name)
{
    struct stat st;
    if (fstatat(to, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
        return errno == ENOENT ? 0 : -errno;
    }
    if (S_ISDIR(st.st_mode)) {
        return -EISDIR;
    }
    return unlinkat(to, name, 0) < 0 && errno != ENOENT ? -errno : 0;
}

static int copy_file(int from_dir, const char *name, int to_dir, const char *to_name,
                     const struct stat *st, struct copy *how)
{
    CLEANUP(fd) int from = openat(from_dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    CLEANUP(fd) int to = openat(to_dir, to_name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    ssize_t n = 1;
    while (from >= 0 && to >= 0 && n > 0) {
        n = sendfile(to, from, NULL, 1 << 20);
        if (how && n > 0) {
            how->bytes += n;
        }
    }
    if (from < 0 || to < 0 || n < 0) {
        return -errno;
    }
    int r = set_attributes(to, st, how); /* first: a change of owner clears capabilities */
    return r < 0 ? r : copy_xattrs(from, to);
}

static int copy_symlink(int from_dir, const char *name, int to_dir, const char *to_name,
                        const struct stat *st, struct copy *how)
{
    char target[PATH_MAX];
    ssize_t n = readlinkat(from_dir, name, target, sizeof(target) - 1);
    if (n < 0) {
        return -errno;
    }
    target[n] = '\0';
    return symlinkat(target, to_dir, to_name) < 0 ? -errno : set_owner_at(to_dir, to_name, st, how);
}

static int copy_folder(int from, int to, struct copy *how, int depth);

static int copy_subfolder(int from_dir, const char *name, int to_dir, const char *to_name,
                          struct copy *how, int depth)
{
    if (mkdirat(to_dir, to_name, 0700) < 0 && errno != EEXIST) {
        return -errno;
    }
    int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    CLEANUP(fd) int from = openat(from_dir, name, flags);
    CLEANUP(fd) int to = openat(to_dir, to_name, flags);
    return from < 0 || to < 0 ? -errno : copy_folder(from, to, how, depth + 1);
}

static int copy_entry(int from, const char *name, int to, const char *to_name, struct copy *how,
                      int depth)
{
    struct stat st;
    if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
        return -errno;
    }
    if (S_ISDIR(st.st_mode)) {
        return copy_subfolder(from, name, to, to_name, how, depth);
    }
    int r = clear_the_way(to, to_name);
    if (r < 0) {
        return r;
    }
    if (S_ISREG(st.st_mode)) {
        return copy_file(from, name, to, to_name, &st, how);
    }
    if (S_ISLNK(st.st_mode)) {
        return copy_symlink(from, name, to, to_name, &st, how);
    }
    if (mknodat(to, to_name, st.st_mode, st.st_rdev) < 0) { /* devices, fifos, sockets */
        return -errno;
    }
    r = set_owner_at(to, to_name, &st, how);
    return r < 0 || fchmodat(to, to_name, st.st_mode & 07777, 0) == 0 ? r : -errno;
}

static int copy_folder(int from, int to, struct copy *how, int depth)
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
            r = copy_entry(from, d->d_name, to, d->d_name, how, depth);
        }
    }
    if (r == 0) {
        r = copy_xattrs(from, to);
    }
    return r < 0 ? r : set_attributes(to, &st, how);
}

int copy_tree(int from, const char *name, int to, const char *to_name, struct copy *how)
{
    return copy_entry(from, name, to, to_name, how, 0);
}

int copy_content(int from, int to, struct copy *how)
{
    return copy_folder(from, to, how, 0);
}
