// SPDX-License-Identifier: Apache-2.0
#include "image/store/tree_tar.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "base/file.h"
#include "base/json.h"
#include "image/store/interrupt.h"

#define DEPTH_MAX 2048 /* each level holds a descriptor */
#define XATTRS_MAX 65536
#define BLOCK_BYTES ((size_t)1 << 16)

struct writing {
    const struct tree_tar *to;
    struct archive *tar;
    json_t *links; /* {"<device>:<inode>": the first name} of files with several */
    uint64_t mount_id;
    struct error *error; /* why a callback failed */
    char *buffer;
    struct error **err;
};

static ssize_t write_block(struct archive *a, void *context, const void *bytes, size_t len)
{
    struct writing *w = context;
    const struct tree_tar *to = w->to;
    int r = interrupt_check(&w->error);
    if (r >= 0 && to->put) {
        r = to->put(to->context, bytes, len, &w->error);
    } else if (r >= 0 && (r = write_all(to->fd, bytes, len)) < 0) {
        r = error_set_errno(&w->error, ERROR_KERNEL, -r, "writing the archive");
    }
    if (r < 0) {
        archive_set_error(a, -r, "writing failed"); /* w->error has the words */
        return -1;
    }
    return (ssize_t)len;
}

static int tar_failed(struct writing *w)
{
    return w->error ? error_move(w->err, &w->error, -w->error->code)
                    : error_set(w->err, ERROR_INTERNAL, 0, "writing the archive: %s",
                                str_or(archive_error_string(w->tar), "failed"));
}

static int cannot_read(struct writing *w, const char *path)
{
    return error_set_errno(w->err, ERROR_KERNEL, errno, "reading '%s'", path);
}

static int put_header(struct writing *w, struct archive_entry *e)
{
    return archive_write_header(w->tar, e) >= ARCHIVE_WARN ? 0 : tar_failed(w);
}

static void set_stat(struct archive_entry *e, const struct stat *st)
{
    archive_entry_set_mode(e, st->st_mode);
    archive_entry_set_uid(e, st->st_uid);
    archive_entry_set_gid(e, st->st_gid);
    archive_entry_set_mtime(e, st->st_mtim.tv_sec, st->st_mtim.tv_nsec);
    archive_entry_set_size(e, S_ISREG(st->st_mode) ? st->st_size : 0);
    if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode)) {
        archive_entry_set_rdev(e, st->st_rdev);
    }
}

/* What overlayfs wrote for itself is no part of the content. */
static void set_xattrs(struct archive_entry *e, const char *path)
{
    char names[XATTRS_MAX], value[XATTRS_MAX];
    ssize_t len = llistxattr(path, names, sizeof(names));
    for (char *name = names; len > 0 && name < names + len; name += strlen(name) + 1) {
        ssize_t n = str_starts(name, "trusted.overlay.") || str_equal(name, "security.selinux")
                        ? -1
                        : lgetxattr(path, name, value, sizeof(value));
        if (n >= 0) {
            archive_entry_xattr_add_entry(e, name, value, (size_t)n);
        }
    }
}

/* Where the data is in a file with holes. */
static void set_holes(struct archive_entry *e, int fd, const struct stat *st)
{
    if (st->st_blocks * 512 >= st->st_size) {
        return;
    }
    off_t data = lseek(fd, 0, SEEK_DATA);
    if (data < 0 && errno == ENXIO) { /* nothing but a hole */
        archive_entry_sparse_add_entry(e, st->st_size, 0);
    }
    while (data >= 0 && data < st->st_size) {
        off_t hole = lseek(fd, data, SEEK_HOLE);
        hole = hole < 0 || hole > st->st_size ? st->st_size : hole;
        archive_entry_sparse_add_entry(e, data, hole - data);
        data = lseek(fd, hole, SEEK_DATA);
    }
}

/* The archive says how long it is: one that shrinks meanwhile is filled up, one that grows is cut,
 * as tar does. */
static int put_content(struct writing *w, int fd, const struct stat *st, const char *path)
{
    off_t left = st->st_size;
    if (lseek(fd, 0, SEEK_SET) < 0) {
        return cannot_read(w, path);
    }
    while (left > 0) {
        size_t want = (size_t)left < BLOCK_BYTES ? (size_t)left : BLOCK_BYTES;
        ssize_t n = read_all(fd, w->buffer, want);
        if (n < 0) {
            errno = (int)-n;
            return cannot_read(w, path);
        }
        memset(w->buffer + n, 0, want - (size_t)n);
        if (archive_write_data(w->tar, w->buffer, want) < 0) {
            return tar_failed(w);
        }
        left -= (off_t)want;
    }
    return 0;
}

/* 1: the archive has the file under another name, and now this one as a link to it; 0: it is the
 * first name. */
static int put_link(struct writing *w, const struct stat *st, struct archive_entry *e,
                    const char *path)
{
    if (st->st_nlink < 2) {
        return 0;
    }
    CLEANUP(free)
    char *key =
        str_format("%llx:%llx", (unsigned long long)st->st_dev, (unsigned long long)st->st_ino);
    const char *first = json_string_value(json_object_get(w->links, key));
    if (first) {
        archive_entry_set_size(e, 0);
        archive_entry_copy_hardlink(e, first);
        int r = put_header(w, e);
        return r < 0 ? r : 1;
    }
    /* jansson takes UTF-8 alone: other names stand each for itself */
    json_object_set_new(w->links, key, json_string(path));
    return 0;
}

static int put_file(struct writing *w, int folder, const char *name, struct archive_entry *e,
                    const char *path)
{
    CLEANUP(fd) int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0) {
        return errno == ENOENT || errno == ELOOP ? 0 : cannot_read(w, path); /* gone meanwhile */
    }
    if (!S_ISREG(st.st_mode)) {
        return 0;
    }
    set_stat(e, &st);
    int r = put_link(w, &st, e, path);
    if (r != 0) {
        return r < 0 ? r : 0;
    }
    set_holes(e, fd, &st);
    if (w->to->bytes) {
        *w->to->bytes += st.st_size;
    }
    r = put_header(w, e);
    return r < 0 ? r : put_content(w, fd, &st, path);
}

static int put_symlink(struct writing *w, int folder, const char *name, struct archive_entry *e,
                       const char *path)
{
    char target[PATH_MAX];
    ssize_t n = readlinkat(folder, name, target, sizeof(target) - 1);
    if (n < 0) {
        return errno == ENOENT ? 0 : cannot_read(w, path);
    }
    target[n] = '\0';
    archive_entry_copy_symlink(e, target);
    return put_header(w, e);
}

/* An empty file of a telling name. */
static int put_whiteout(struct writing *w, const char *path, const char *name)
{
    CLEANUP(free)
    char *whiteout = str_format("%.*s.wh.%s", (int)(strlen(path) - strlen(name)), path, name);
    struct archive_entry *e = archive_entry_new();
    archive_entry_copy_pathname(e, whiteout);
    archive_entry_set_mode(e, S_IFREG | 0600);
    archive_entry_set_size(e, 0);
    int r = put_header(w, e);
    archive_entry_free(e);
    return r;
}

static bool is_opaque(const char *path)
{
    char value = 0;
    return lgetxattr(path, "trusted.overlay.opaque", &value, 1) == 1 && value == 'y';
}

static uint64_t mount_of(int fd, const char *name)
{
    struct statx st;
    return statx(fd, name, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, STATX_MNT_ID, &st) == 0
               ? st.stx_mnt_id
               : 0;
}

static int put_folder(struct writing *w, int folder, const char *path, int depth);

static int put_subfolder(struct writing *w, int folder, const char *name, const char *path,
                         int depth)
{
    if (mount_of(folder, name) != w->mount_id) {
        return 0; /* the empty mount point is all of it that is the container's */
    }
    CLEANUP(fd) int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? 0 : cannot_read(w, path);
    }
    return put_folder(w, fd, path, depth + 1);
}

static int put_entry_of(struct writing *w, int folder, const char *name, const struct stat *st,
                        struct archive_entry *e, const char *path, int depth)
{
    CLEANUP(free) char *whole = str_format("/proc/self/fd/%d/%s", folder, name);
    set_stat(e, st);
    set_xattrs(e, whole);
    if (S_ISREG(st->st_mode)) {
        return put_file(w, folder, name, e, path);
    }
    int r = S_ISDIR(st->st_mode) ? 0 : put_link(w, st, e, path);
    if (r != 0) {
        return r < 0 ? r : 0;
    }
    if (S_ISLNK(st->st_mode)) {
        return put_symlink(w, folder, name, e, path);
    }
    r = put_header(w, e);
    if (r >= 0 && S_ISDIR(st->st_mode) && w->to->is_upper && is_opaque(whole)) {
        CLEANUP(free) char *mark = str_format("%s/.wh..opq", path);
        r = put_whiteout(w, mark, ".wh..opq");
    }
    return r >= 0 && S_ISDIR(st->st_mode) ? put_subfolder(w, folder, name, path, depth) : r;
}

static int put_entry(struct writing *w, int folder, const char *name, const char *path, int depth)
{
    struct stat st;
    int r = interrupt_check(w->err);
    if (r < 0) {
        return r;
    }
    if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
        return errno == ENOENT ? 0 : cannot_read(w, path);
    }
    if (S_ISSOCK(st.st_mode)) {
        return 0;
    }
    if (w->to->is_upper && S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0)) {
        return put_whiteout(w, path, name);
    }
    struct archive_entry *e = archive_entry_new();
    archive_entry_copy_pathname(e, path);
    r = put_entry_of(w, folder, name, &st, e, path, depth);
    archive_entry_free(e);
    return r;
}

/* Sorted, so that the same tree gives the same archive. */
static int put_folder(struct writing *w, int folder, const char *path, int depth)
{
    CLEANUP(strv) struct strv names = {0};
    if (depth > DEPTH_MAX) {
        errno = ELOOP;
        return cannot_read(w, path);
    }
    int r = list_folder_whole(folder, ".", &names, w->err);
    for (size_t i = 0; i < names.count && r >= 0; i++) {
        CLEANUP(free)
        char *below = str_format("%s%s%s", path, *path ? "/" : "", names.items[i]);
        r = put_entry(w, folder, names.items[i], below, depth);
    }
    return r;
}

static int begin(struct writing *w, const struct tree_tar *t, int folder, struct error **err)
{
    *w = (struct writing){.to = t,
                          .tar = archive_write_new(),
                          .links = json_object(),
                          .mount_id = mount_of(folder, ""),
                          .buffer = xmalloc(BLOCK_BYTES),
                          .err = err};
    archive_write_set_format_pax_restricted(w->tar);
    /* Who is called takes any piece: none is gathered first. */
    archive_write_set_bytes_per_block(w->tar, t->put ? 0 : BLOCK_BYTES);
    archive_write_set_bytes_in_last_block(w->tar, 1);
    return archive_write_open(w->tar, w, NULL, write_block, NULL) == ARCHIVE_OK ? 0 : tar_failed(w);
}

static int end(struct writing *w, int result)
{
    if (result >= 0 && archive_write_close(w->tar) != ARCHIVE_OK) {
        result = tar_failed(w);
    }
    archive_write_free(w->tar);
    json_decref(w->links);
    free(w->buffer);
    error_free(w->error);
    return result;
}

int tree_tar_folder(const struct tree_tar *t, int folder, struct error **err)
{
    struct writing w;
    int r = begin(&w, t, folder, err);
    return end(&w, r < 0 ? r : put_folder(&w, folder, "", 0));
}

int tree_tar_entry(const struct tree_tar *t, int folder, const char *name, const char *as,
                   struct error **err)
{
    struct writing w;
    int r = begin(&w, t, folder, err);
    return end(&w, r < 0 ? r : put_entry(&w, folder, name, as, 0));
}
