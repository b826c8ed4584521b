// SPDX-License-Identifier: Apache-2.0
#include "image/store/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "base/file.h"
#include "image/store/interrupt.h"

#define WHITEOUT ".wh."
#define WHITEOUT_META ".wh..wh."
#define WHITEOUT_OPAQUE ".wh..wh..opq"

void unpack_init(struct unpack *u, int root, const struct unpack_limits *limits)
{
    *u = (struct unpack){.root = root, .limits = *limits, .parent = -1};
}

static void forget_parent(struct unpack *u)
{
    u->parent = fd_close(u->parent);
    free(u->parent_path);
    u->parent_path = NULL;
}

void unpack_done(struct unpack *u)
{
    forget_parent(u);
    strv_done(&u->implied);
    strv_done(&u->opaque);
    for (size_t i = 0; i < u->time_count; i++) {
        free(u->times[i].path);
    }
    free(u->times);
    *u = (struct unpack){.root = -1, .parent = -1};
}

char *unpack_clean_path(const char *path)
{
    struct strbuf b = {0};
    while (*path) {
        size_t n = strcspn(path, "/");
        if (n == 2 && path[0] == '.' && path[1] == '.') {
            strbuf_done(&b);
            return NULL;
        }
        if (n > 0 && !(n == 1 && path[0] == '.')) {
            if (b.len) {
                strbuf_addc(&b, '/');
            }
            strbuf_add(&b, path, n);
        }
        path += n + (path[n] == '/');
    }
    return strbuf_take(&b);
}

/* Makes the folders of `path` that no entry has made; they get the attributes of the layer below
 * when the layers are put together (layer_commit()). */
static int make_implied(struct unpack *u, const char *path, struct error **err)
{
    CLEANUP(free) char *upto = xstrdup(path);
    for (char *s = upto;; s++) {
        if (*s && *s != '/') {
            continue;
        }
        char saved = *s;
        *s = '\0';
        char *leaf = strrchr(upto, '/');
        CLEANUP(free) char *above = leaf ? xstrndup(upto, (size_t)(leaf - upto)) : xstrdup(".");
        CLEANUP(fd) int fd = open_in_root(u->root, above, O_PATH | O_DIRECTORY, 0);
        if (fd < 0) {
            return error_set_errno(err, ERROR_INVALID_INPUT, -fd, "its folder '%s'", above);
        }
        if (mkdirat(fd, leaf ? leaf + 1 : upto, 0755) == 0) {
            strv_add(&u->implied, upto);
        } else if (errno != EEXIST) {
            return error_set_errno(err, ERROR_KERNEL, errno, "making its folder '%s'", upto);
        }
        *s = saved;
        if (!saved) {
            return 0;
        }
    }
}

/* Leaves the folder that holds `path` in u->parent. */
static int open_parent(struct unpack *u, const char *path, const char **ret_leaf,
                       struct error **err)
{
    const char *slash = strrchr(path, '/');
    *ret_leaf = slash ? slash + 1 : path;
    CLEANUP(free)
    char *folder = slash ? xstrndup(path, (size_t)(slash - path)) : xstrdup(".");
    if (u->parent >= 0 && str_equal(u->parent_path, folder)) {
        return 0;
    }
    forget_parent(u);
    int fd = open_in_root(u->root, folder, O_RDONLY | O_DIRECTORY, 0);
    if (fd == -ENOENT) {
        int r = make_implied(u, folder, err);
        if (r < 0) {
            return r;
        }
        fd = open_in_root(u->root, folder, O_RDONLY | O_DIRECTORY, 0);
    }
    if (fd == -ENOENT) {
        return error_set(err, ERROR_INVALID_INPUT, ENOENT,
                         "its folder '%s' is a symlink that leads nowhere in this layer", folder);
    }
    if (fd < 0) {
        return error_set_errno(err, ERROR_INVALID_INPUT, -fd, "its folder '%s'", folder);
    }
    u->parent = fd;
    u->parent_path = take_ptr(folder);
    return 0;
}

static bool is_whiteout(const struct stat *st)
{
    return S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0);
}

static void set_opaque(struct unpack *u, const char *leaf)
{
    bool top = str_equal(u->parent_path, ".");
    if (!leaf) {
        strv_add(&u->opaque, u->parent_path);
    } else {
        strv_addf(&u->opaque, "%s%s%s", top ? "" : u->parent_path, top ? "" : "/", leaf);
    }
}

/* A whiteout speaks of the layers below alone: what this layer has of that name stays, and if it is
 * a folder, hides what is below. */
static int make_whiteout(struct unpack *u, const char *leaf, struct error **err)
{
    if (str_equal(leaf, WHITEOUT_OPAQUE)) {
        set_opaque(u, NULL);
        return 0;
    }
    if (str_starts(leaf, WHITEOUT_META)) {
        return 0; /* aufs's own bookkeeping */
    }
    const char *name = leaf + strlen(WHITEOUT);
    if (!*name || str_equal(name, ".") || str_equal(name, "..")) {
        return error_set(err, ERROR_INVALID_INPUT, 0, "a whiteout of nothing");
    }
    if (mknodat(u->parent, name, S_IFCHR, makedev(0, 0)) == 0) {
        return 0;
    }
    struct stat st;
    if (errno == EEXIST && fstatat(u->parent, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
        if (S_ISDIR(st.st_mode)) {
            set_opaque(u, name);
        }
        return 0;
    }
    return error_set_errno(err, ERROR_KERNEL, errno, "making a whiteout");
}

/* The last entry of a name counts. *ret_hidden: a whiteout of that name came before. */
static int clear_the_way(struct unpack *u, const struct unpack_entry *e, bool *ret_hidden,
                         struct error **err)
{
    struct stat st;
    *ret_hidden = false;
    if (fstatat(u->parent, e->leaf, &st, AT_SYMLINK_NOFOLLOW) < 0) {
        return errno == ENOENT ? 0 : error_set_errno(err, ERROR_KERNEL, errno, "looking for it");
    }
    bool folder = archive_entry_filetype(e->entry) == AE_IFDIR && !archive_entry_hardlink(e->entry);
    if (S_ISDIR(st.st_mode) && folder) {
        return 0;
    }
    if (u->is_plain && S_ISDIR(st.st_mode) != folder) {
        return error_set(err, ERROR_INVALID_INPUT, folder ? ENOTDIR : EISDIR,
                         folder ? "a folder, where there is something else"
                                : "no folder, where there is one");
    }
    *ret_hidden = is_whiteout(&st);
    return remove_tree(u->parent, e->leaf, err);
}

static int make_in_parent(struct unpack *u, const struct unpack_entry *e, struct error **err)
{
    bool hidden = false;
    int r = clear_the_way(u, e, &hidden, err);
    if (r >= 0) {
        r = unpack_make(u, e, err);
    }
    if (r >= 0 && hidden && archive_entry_filetype(e->entry) == AE_IFDIR) {
        set_opaque(u, e->leaf);
    }
    return r;
}

static void note_folder_time(struct unpack *u, const char *path, struct timespec mtime)
{
    size_t n = u->time_count++;
    if ((n & (n - 1)) == 0) { /* full at the powers of two */
        u->times = xrealloc(u->times, (n ? 2 * n : 1) * sizeof(*u->times));
    }
    u->times[n] = (struct unpack_folder_time){xstrdup(path), mtime};
}

static int make_entry(struct unpack *u, struct unpack_entry *e, struct error **err)
{
    if (!*e->path) { /* the root itself */
        bool folder = archive_entry_filetype(e->entry) == AE_IFDIR;
        note_folder_time(u, ".", e->mtime);
        return folder ? unpack_attributes_of(u->root, e, err)
                      : error_set(err, ERROR_INVALID_INPUT, 0, "the root is not a folder");
    }
    int r = open_parent(u, e->path, &e->leaf, err);
    if (r < 0) {
        return r;
    }
    if (str_starts(e->leaf, WHITEOUT) && !u->is_plain) {
        return make_whiteout(u, e->leaf, err);
    }
    if (archive_entry_filetype(e->entry) == AE_IFDIR) {
        note_folder_time(u, e->path, e->mtime);
    }
    return make_in_parent(u, e, err);
}

int unpack_entry(struct unpack *u, struct archive *a, struct archive_entry *entry,
                 struct error **err)
{
    const char *raw = archive_entry_pathname(entry);
    if (!raw) {
        return error_set(err, ERROR_INVALID_INPUT, 0, "an entry without a readable name");
    }
    int r = interrupt_check(err);
    if (r < 0) {
        return r;
    }
    CLEANUP(free) char *path = unpack_clean_path(raw);
    if (!path) {
        return error_set(err, ERROR_INVALID_INPUT, 0, "the entry '%s' has a '..' in its path", raw);
    }
    if (++u->entries > u->limits.entries_max) {
        return error_set(err, ERROR_INVALID_INPUT, E2BIG,
                         "the entry '%s' is one more than the %lld that a layer may have", raw,
                         (long long)u->limits.entries_max);
    }
    struct unpack_entry e = {
        .path = path,
        .mode = archive_entry_mode(entry) & 07777,
        .uid = (uint32_t)archive_entry_uid(entry),
        .gid = (uint32_t)archive_entry_gid(entry),
        .mtime = {archive_entry_mtime(entry), archive_entry_mtime_nsec(entry)},
        .archive = a,
        .entry = entry,
    };
    r = make_entry(u, &e, err);
    return r < 0 ? error_wrap(err, r, "the entry '%s'", raw) : 0;
}

int unpack_finish(struct unpack *u, struct error **err)
{
    forget_parent(u);
    for (size_t i = u->time_count; i > 0; i--) {
        const struct unpack_folder_time *t = &u->times[i - 1];
        CLEANUP(fd) int fd = open_in_root(u->root, t->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
        struct timespec times[2] = {t->mtime, t->mtime};
        if (fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP) {
            continue; /* a later entry took its place */
        }
        if (fd < 0 || futimens(fd, times) < 0) {
            return error_set_errno(err, ERROR_KERNEL, fd < 0 ? -fd : errno,
                                   "setting the time of '%s'", t->path);
        }
    }
    return 0;
}
