// SPDX-License-Identifier: Apache-2.0
/* tmpcopyup: what the image has where a tmpfs is mounted is copied into it.
 *
 * Runs in the child, on the image's own content: names are walked by descriptor, links are copied,
 * never followed, and depth is bounded. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/file.h"
#include "wall/container/mount.h"

#define DEPTH_MAX 100 /* folders; each takes 4 KiB of stack */

struct directory_entry { /* of getdents64(2) */
    uint64_t ino;
    int64_t offset;
    unsigned short length;
    unsigned char type;
    char name[];
};

static int copy_bytes(int from, int to, off_t size)
{
    while (size > 0) {
        ssize_t n = copy_file_range(from, NULL, to, NULL, (size_t)size, 0);
        if (n < 0 && (errno == EXDEV || errno == EINVAL || errno == EOPNOTSUPP)) {
            break; /* not between these file systems: read and write below */
        }
        if (n <= 0) {
            return n < 0 ? -errno : 0;
        }
        size -= n;
    }
    char buffer[4096];
    for (;;) {
        ssize_t n = read_all(from, buffer, sizeof(buffer));
        int r = n > 0 ? write_all(to, buffer, (size_t)n) : 0;
        if (n <= 0 || r < 0) {
            return n < 0 ? (int)n : r;
        }
    }
}

/* Capabilities of files and user attributes; what tmpfs does not take is left out. */
static void copy_xattrs(int from, int to)
{
    char names[4096], value[4096];
    ssize_t len = flistxattr(from, names, sizeof(names));
    for (ssize_t i = 0; i < len; i += (ssize_t)strlen(names + i) + 1) {
        ssize_t n = fgetxattr(from, names + i, value, sizeof(value));
        if (n >= 0) {
            (void)fsetxattr(to, names + i, value, (size_t)n, 0); /* see above */
        }
    }
}

/* Owner, then mode (chown clears set-id bits), then times. */
static int copy_attributes(int from, int to, const struct stat *st)
{
    struct timespec times[2] = {st->st_atim, st->st_mtim};
    if (fchown(to, st->st_uid, st->st_gid) < 0 || fchmod(to, st->st_mode & 07777) < 0) {
        return -errno;
    }
    copy_xattrs(from, to);
    return futimens(to, times) < 0 ? -errno : 0;
}

static int copy_folder(int from, int to, int depth);

static int copy_subfolder(int from, int to, const char *name, const struct stat *st, int depth)
{
    if (mkdirat(to, name, 0700) < 0) {
        return -errno;
    }
    CLEANUP(fd) int source = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    CLEANUP(fd) int copy = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (source < 0 || copy < 0) {
        return -errno;
    }
    int r = copy_folder(source, copy, depth + 1);
    return r < 0 ? r : copy_attributes(source, copy, st);
}

static int copy_file(int from, int to, const char *name, const struct stat *st)
{
    CLEANUP(fd) int source = openat(from, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    CLEANUP(fd) int copy = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (source < 0 || copy < 0) {
        return -errno;
    }
    int r = copy_bytes(source, copy, st->st_size);
    return r < 0 ? r : copy_attributes(source, copy, st);
}

static int copy_link(int from, int to, const char *name, const struct stat *st)
{
    char target[PATH_MAX];
    ssize_t n = readlinkat(from, name, target, sizeof(target) - 1);
    if (n < 0) {
        return -errno;
    }
    target[n] = '\0';
    if (symlinkat(target, to, name) < 0 ||
        fchownat(to, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0) {
        return -errno;
    }
    return 0;
}

static int copy_node(int from, int to, const char *name, const struct stat *st)
{
    if (mknodat(to, name, st->st_mode, st->st_rdev) < 0 ||
        fchownat(to, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0) {
        return -errno;
    }
    return fchmodat(to, name, st->st_mode & 07777, 0) < 0 ? -errno : 0;
}

static int copy_entry(int from, int to, const char *name, int depth)
{
    struct stat st;
    if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
        return -errno;
    }
    switch (st.st_mode & S_IFMT) {
    case S_IFDIR:
        return copy_subfolder(from, to, name, &st, depth);
    case S_IFREG:
        return copy_file(from, to, name, &st);
    case S_IFLNK:
        return copy_link(from, to, name, &st);
    default:
        return copy_node(from, to, name, &st);
    }
}

static int copy_folder(int from, int to, int depth)
{
    char buffer[2048] __attribute__((aligned(8)));
    if (depth > DEPTH_MAX) {
        return -ELOOP;
    }
    for (;;) {
        long n = syscall(SYS_getdents64, from, buffer, sizeof(buffer));
        if (n <= 0) {
            return n < 0 ? -errno : 0;
        }
        for (long i = 0; i < n;) {
            const struct directory_entry *e = (const void *)(buffer + i);
            i += e->length;
            bool self = e->name[0] == '.' && (!e->name[1] || (e->name[1] == '.' && !e->name[2]));
            int r = self ? 0 : copy_entry(from, to, e->name, depth);
            if (r < 0) {
                return r;
            }
        }
    }
}

int copy_up(int from_fd, int to_fd)
{
    struct stat st = {0};
    int r = copy_folder(from_fd, to_fd, 0);
    if (r == 0 && fstat(from_fd, &st) < 0) {
        r = -errno;
    }
    return r < 0 ? r : copy_attributes(from_fd, to_fd, &st);
}
