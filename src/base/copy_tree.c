// SPDX-License-Identifier: Apache-2.0
#include "base/copy_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"

/* One copy: of a file with several names inside it the second and later ones become links. */
struct walk {
    struct copy *how; /* or NULL */
    int top;          /* where the names in `made` begin */
    json_t *made;     /* {"<device>:<inode>": the copy's first name} */
    struct strbuf path;
};

#define DEPTH_MAX 128 /* of folders: each level holds two fds */
#define XATTR_MAX 65536
#define BLOCK_BYTES ((size_t)4 << 20)
#define LARGE_BYTES ((off_t)32 << 20)

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

static mode_t mode_of(const struct stat *st, const struct copy *how)
{
    return how && how->mode ? how->mode(how->context, st->st_mode) & 07777 : st->st_mode & 07777;
}

static int set_attributes(int to, const struct stat *st, struct walk *w)
{
    const struct copy *how = w->how;
    struct timespec times[2] = {st->st_atim, st->st_mtim};
    uid_t uid = how && how->set_owner ? how->uid : st->st_uid;
    gid_t gid = how && how->set_owner ? how->gid : st->st_gid;
    if (fchown(to, uid, gid) < 0 || fchmod(to, mode_of(st, how)) < 0 || futimens(to, times) < 0) {
        return -errno;
    }
    return 0;
}

static int set_owner_at(int to, const char *name, const struct stat *st, struct walk *w)
{
    const struct copy *how = w->how;
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

static int copy_bytes(int from, int to, const struct stat *st, struct walk *w)
{
    ssize_t n = 1;
    if (ioctl(to, FICLONE, from) == 0) { /* no byte is copied */
        n = 0;
        if (w->how) {
            w->how->bytes += st->st_size;
        }
    }
    for (off_t at = 0; n > 0; at += n) {
        n = sendfile(to, from, NULL, BLOCK_BYTES);
        if (w->how && n > 0) {
            w->how->bytes += n;
        }
        if (n > 0 && st->st_size >= LARGE_BYTES) { /* the disk begins while the rest is copied */
            (void)sync_file_range(to, at, n, SYNC_FILE_RANGE_WRITE);
        }
    }
    if (n < 0) {
        return -errno;
    }
    int r = set_attributes(to, st, w); /* first: a change of owner clears capabilities */
    return r < 0 ? r : copy_xattrs(from, to);
}

static int copy_file(int from_dir, const char *name, int to_dir, const char *to_name,
                     const struct stat *st, struct walk *w)
{
    CLEANUP(fd) int from = openat(from_dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    CLEANUP(fd) int to = openat(to_dir, to_name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return from < 0 || to < 0 ? -errno : copy_bytes(from, to, st, w);
}

static int copy_symlink(int from_dir, const char *name, int to_dir, const char *to_name,
                        const struct stat *st, struct walk *w)
{
    char target[PATH_MAX];
    ssize_t n = readlinkat(from_dir, name, target, sizeof(target) - 1);
    if (n < 0) {
        return -errno;
    }
    target[n] = '\0';
    return symlinkat(target, to_dir, to_name) < 0 ? -errno : set_owner_at(to_dir, to_name, st, w);
}

static int copy_folder(int from, int to, struct walk *w, int depth);

static int copy_subfolder(int from_dir, const char *name, int to_dir, const char *to_name,
                          struct walk *w, int depth, enum copy_part part)
{
    bool made = mkdirat(to_dir, to_name, 0700) == 0;
    if (!made && errno != EEXIST) {
        return -errno;
    }
    int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    CLEANUP(fd) int from = openat(from_dir, name, flags);
    CLEANUP(fd) int to = openat(to_dir, to_name, flags);
    int r = from < 0 || to < 0 ? -errno : copy_folder(from, to, w, depth + 1);
    if (r == 0 && made && part == COPY_NEEDED) {
        (void)unlinkat(to_dir, to_name, AT_REMOVEDIR); /* it stays if anything is in it */
    }
    return r;
}

/* What is no folder, for the first time. */
static int copy_one(int from, const char *name, int to, const char *to_name, const struct stat *st,
                    struct walk *w)
{
    if (S_ISREG(st->st_mode)) {
        return copy_file(from, name, to, to_name, st, w);
    }
    if (S_ISLNK(st->st_mode)) {
        return copy_symlink(from, name, to, to_name, st, w);
    }
    if (mknodat(to, to_name, st->st_mode, st->st_rdev) < 0) { /* devices, fifos, sockets */
        return -errno;
    }
    int r = set_owner_at(to, to_name, st, w);
    return r < 0 || fchmodat(to, to_name, mode_of(st, w->how), 0) == 0 ? r : -errno;
}

/* 1: linked to the copy that was made first. 0 when that has been taken away since: whoever lives
 * in the tree may do so, and no link of theirs is followed. */
static int link_to_first(const char *first, int to, const char *to_name, const struct walk *w)
{
    const char *slash = strrchr(first, '/');
    CLEANUP(free) char *folder = xstrndup(first, slash ? (size_t)(slash - first) : 0);
    CLEANUP(fd)
    int fd = slash ? open_in_root(w->top, folder, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0)
                   : fcntl(w->top, F_DUPFD_CLOEXEC, 3);
    return fd >= 0 && linkat(fd, slash ? slash + 1 : first, to, to_name, 0) == 0;
}

static int copy_with_links(int from, const char *name, int to, const char *to_name,
                           const struct stat *st, struct walk *w)
{
    CLEANUP(free)
    char *key = str_format("%jx:%jx", (uintmax_t)st->st_dev, (uintmax_t)st->st_ino);
    const char *first = json_string_value(json_object_get(w->made, key));
    if (first && link_to_first(first, to, to_name, w)) {
        return 0;
    }
    int r = copy_one(from, name, to, to_name, st, w);
    if (r >= 0) {
        json_object_set_new(w->made, key, json_string_nocheck(w->path.data));
    }
    return r;
}

static int copy_entry_here(int from, const char *name, int to, const char *to_name, struct walk *w,
                           int depth)
{
    struct stat st;
    if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
        return -errno;
    }
    const struct copy *how = w->how;
    enum copy_part part = how && how->wanted
                              ? how->wanted(how->context, w->path.data, S_ISDIR(st.st_mode))
                              : COPY_WHOLE;
    if (part == COPY_NONE) {
        return 0;
    }
    if (S_ISDIR(st.st_mode)) {
        return copy_subfolder(from, name, to, to_name, w, depth, part);
    }
    int r = clear_the_way(to, to_name);
    if (r < 0) {
        return r;
    }
    return st.st_nlink > 1 ? copy_with_links(from, name, to, to_name, &st, w)
                           : copy_one(from, name, to, to_name, &st, w);
}

static int copy_entry(int from, const char *name, int to, const char *to_name, struct walk *w,
                      int depth)
{
    size_t len = w->path.len;
    strbuf_addf(&w->path, len ? "/%s" : "%s", to_name);
    int r = copy_entry_here(from, name, to, to_name, w, depth);
    w->path.data[len] = '\0';
    w->path.len = len;
    return r;
}

static int copy_folder(int from, int to, struct walk *w, int depth)
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
            r = copy_entry(from, d->d_name, to, d->d_name, w, depth);
        }
    }
    if (r == 0) {
        r = copy_xattrs(from, to);
    }
    return r < 0 ? r : set_attributes(to, &st, w);
}

static int walk_done(struct walk *w, int result)
{
    json_decref(w->made);
    strbuf_done(&w->path);
    return result;
}

int copy_tree(int from, const char *name, int to, const char *to_name, struct copy *how)
{
    struct walk w = {.how = how, .top = to, .made = json_object()};
    return walk_done(&w, copy_entry(from, name, to, to_name, &w, 0));
}

int copy_content(int from, int to, struct copy *how)
{
    struct walk w = {.how = how, .top = to, .made = json_object()};
    return walk_done(&w, copy_folder(from, to, &w, 0));
}

int copy_open_file(int from, int to, const char *to_name, struct copy *how)
{
    struct walk w = {.how = how};
    struct stat st;
    if (fstat(from, &st) < 0 || lseek(from, 0, SEEK_SET) < 0) {
        return -errno;
    }
    int r = clear_the_way(to, to_name);
    if (r < 0) {
        return r;
    }
    CLEANUP(fd) int fd = openat(to, to_name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return fd < 0 ? -errno : copy_bytes(from, fd, &st, &w);
}
