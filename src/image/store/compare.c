// SPDX-License-Identifier: Apache-2.0
#include "image/store/compare.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/xattr.h>

#include "base/file.h"
#include "image/store/interrupt.h"

#define XATTRS_MAX 65536 /* of one entry, as the kernel's XATTR_LIST_MAX */
#define DEPTH_MAX 2048   /* each level holds two descriptors */

struct comparison {
    const struct strv *implied;
    char *difference; /* NULL while none is found */
    struct error **err;
};

static int differs(struct comparison *c, const char *path, const char *what)
{
    c->difference = str_format("%s: %s", *path ? path : "/", what);
    return 1;
}

static int cannot_read(struct comparison *c, const char *path)
{
    return error_set_errno(c->err, ERROR_KERNEL, errno, "reading '%s' of a layer", path);
}

/* The names of an entry's attributes, sorted, without what the kernel's own security modules add.
 */
static int xattr_names(const char *path, struct strv *ret)
{
    char names[XATTRS_MAX];
    ssize_t len = llistxattr(path, names, sizeof(names));
    if (len < 0) {
        return errno == ENOTSUP ? 0 : -errno;
    }
    for (char *name = names; name < names + len; name += strlen(name) + 1) {
        if (!str_equal(name, "security.selinux")) {
            strv_add(ret, name);
        }
    }
    return 0;
}

static bool xattrs_alike(const char *a, const char *b)
{
    CLEANUP(strv) struct strv of_a = {0};
    CLEANUP(strv) struct strv of_b = {0};
    if (xattr_names(a, &of_a) < 0 || xattr_names(b, &of_b) < 0 || of_a.count != of_b.count) {
        return false;
    }
    for (size_t i = 0; i < of_b.count; i++) {
        char x[XATTRS_MAX], y[XATTRS_MAX];
        ssize_t n = lgetxattr(a, of_b.items[i], x, sizeof(x));
        if (n < 0 || lgetxattr(b, of_b.items[i], y, sizeof(y)) != n || memcmp(x, y, n) != 0) {
            return false;
        }
    }
    return true;
}

static bool links_alike(int is, int ought, const char *name)
{
    char a[PATH_MAX], b[PATH_MAX];
    ssize_t n = readlinkat(is, name, a, sizeof(a));
    return n >= 0 && readlinkat(ought, name, b, sizeof(b)) == n && memcmp(a, b, (size_t)n) == 0;
}

/* 1: alike. */
static int content_alike(int is, int ought, const char *name)
{
    static __thread char a[1 << 16], b[1 << 16];
    CLEANUP(fd) int x = openat(is, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    CLEANUP(fd) int y = openat(ought, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    ssize_t n = 1, m = 1;
    while (x >= 0 && y >= 0 && n > 0 && n == m) {
        n = read_all(x, a, sizeof(a));
        m = read_all(y, b, sizeof(b));
        if (n < 0 || m < 0 || (n == m && memcmp(a, b, (size_t)n) != 0)) {
            return 0;
        }
    }
    return n == 0 && m == 0;
}

/* What differs in the entries' own attributes, or NULL. */
static const char *stat_difference(const struct stat *a, const struct stat *b, bool implied)
{
    bool folder = S_ISDIR(b->st_mode);
    if ((a->st_mode ^ b->st_mode) & S_IFMT) {
        return "it is of another kind";
    }
    if (implied) {
        return NULL;
    }
    if ((a->st_mode ^ b->st_mode) & 07777) {
        return "its mode differs";
    }
    if (a->st_uid != b->st_uid || a->st_gid != b->st_gid) {
        return "its owner differs";
    }
    if (!folder && a->st_size != b->st_size) {
        return "its size differs";
    }
    if (!folder && a->st_nlink != b->st_nlink) {
        return "the number of its hard links differs";
    }
    if (a->st_rdev != b->st_rdev) {
        return "its device number differs";
    }
    if (a->st_mtim.tv_sec != b->st_mtim.tv_sec || a->st_mtim.tv_nsec != b->st_mtim.tv_nsec) {
        return "its time differs";
    }
    return NULL;
}

static int compare_folders(struct comparison *c, int is, int ought, const char *path, int depth);

static int compare_subfolders(struct comparison *c, int is, int ought, const char *name,
                              const char *path, int depth)
{
    CLEANUP(fd) int a = openat(is, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    CLEANUP(fd) int b = openat(ought, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return a < 0 || b < 0 ? cannot_read(c, path) : compare_folders(c, a, b, path, depth + 1);
}

static int compare_entries(struct comparison *c, int is, int ought, const char *name,
                           const char *path, int depth)
{
    struct stat a, b;
    if (fstatat(is, name, &a, AT_SYMLINK_NOFOLLOW) < 0) {
        return errno == ENOENT ? differs(c, path, "it is missing") : cannot_read(c, path);
    }
    if (fstatat(ought, name, &b, AT_SYMLINK_NOFOLLOW) < 0) {
        return cannot_read(c, path);
    }
    /* mknod: a whiteout's time is that of its unpacking, for no archive tells one. */
    bool whiteout = S_ISCHR(b.st_mode) && b.st_rdev == 0;
    bool implied = whiteout || (S_ISDIR(b.st_mode) && strv_contains(c->implied, path));
    const char *what = stat_difference(&a, &b, implied);
    if (what) {
        return differs(c, path, what);
    }
    CLEANUP(free) char *from = str_format("/proc/self/fd/%d/%s", is, name);
    CLEANUP(free) char *to = str_format("/proc/self/fd/%d/%s", ought, name);
    if (!xattrs_alike(from, to)) {
        return differs(c, path, "its extended attributes differ");
    }
    if (S_ISLNK(b.st_mode) && !links_alike(is, ought, name)) {
        return differs(c, path, "it leads elsewhere");
    }
    if (S_ISREG(b.st_mode) && b.st_size && !content_alike(is, ought, name)) {
        return differs(c, path, "its content differs");
    }
    return S_ISDIR(b.st_mode) ? compare_subfolders(c, is, ought, name, path, depth) : 0;
}

/* Every name of the one is in the other when each of the other's is found and none is over. */
static int compare_folders(struct comparison *c, int is, int ought, const char *path, int depth)
{
    CLEANUP(strv) struct strv have = {0};
    CLEANUP(strv) struct strv want = {0};
    int r = interrupt_check(c->err);
    if (r < 0) {
        return r;
    }
    if (depth > DEPTH_MAX) {
        errno = ELOOP;
        return cannot_read(c, path);
    }
    if ((r = list_folder_whole(is, ".", &have, c->err)) < 0 ||
        (r = list_folder_whole(ought, ".", &want, c->err)) < 0) {
        return r;
    }
    for (size_t i = 0; i < want.count && r == 0; i++) {
        CLEANUP(free)
        char *below = str_format("%s%s%s", path, *path ? "/" : "", want.items[i]);
        r = compare_entries(c, is, ought, want.items[i], below, depth);
    }
    for (size_t i = 0; i < have.count && r == 0 && have.count != want.count; i++) {
        struct stat st;
        if (fstatat(ought, have.items[i], &st, AT_SYMLINK_NOFOLLOW) < 0) {
            CLEANUP(free)
            char *below = str_format("%s%s%s", path, *path ? "/" : "", have.items[i]);
            r = differs(c, below, "it is in no archive");
        }
    }
    return r;
}

int compare_trees(int is, int ought, const struct strv *implied, char **ret_difference,
                  struct error **err)
{
    struct comparison c = {.implied = implied, .err = err};
    int r = compare_folders(&c, is, ought, "", 0);
    *ret_difference = c.difference;
    return r;
}
