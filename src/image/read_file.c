// SPDX-License-Identifier: Apache-2.0
/* Looking a path up in an image without mounting it: what overlayfs would show, read layer by
 * layer. A path whose components are known not to be links is looked up from the topmost layer
 * down; a link found on the way is spliced in and the walk begins again, inside the image. Images
 * may have many layers: each is asked once where no link is met. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "base/file.h"
#include "image/image.h"

#define SYMLINKS_MAX 40 /* as the kernel's path walk */

enum found {
    FOUND_NOTHING, /* in this layer: look below */
    FOUND_HIDDEN,  /* a whiteout or a file in the way: look no further */
    FOUND_FOLDER,
    FOUND_FILE,
    FOUND_SYMLINK,
    FOUND_OTHER, /* a device, a socket */
};

static enum found kind_of(const struct stat *st)
{
    if (S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0)) {
        return FOUND_HIDDEN;
    }
    return S_ISDIR(st->st_mode)   ? FOUND_FOLDER
           : S_ISREG(st->st_mode) ? FOUND_FILE
           : S_ISLNK(st->st_mode) ? FOUND_SYMLINK
                                  : FOUND_OTHER;
}

static bool is_opaque(int fd)
{
    char self[32], value = 0;
    snprintf(self, sizeof(self), "/proc/self/fd/%d", fd); /* fgetxattr refuses O_PATH */
    return getxattr(self, "trusted.overlay.opaque", &value, 1) == 1 && value == 'y';
}

/* What is met on the way through the layers. */
struct met {
    bool opaque; /* a folder that hides what is below it */
    bool link;
};

/* Looks the components up in one layer. */
static enum found look_in_layer(const char *layer, const struct strv *path, struct met *met,
                                int *ret_fd)
{
    /* Most layers lack the very first component: then one call tells. */
    CLEANUP(free) char *first = str_format("%s/%s", layer, path->count ? path->items[0] : "");
    CLEANUP(fd) int at = -1;
    enum found found = FOUND_FOLDER;
    for (size_t i = 0; (i == 0 || i < path->count) && found == FOUND_FOLDER; i++) {
        CLEANUP(fd)
        int next =
            openat(i ? at : AT_FDCWD, i ? path->items[i] : first, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        struct stat st;
        if (next < 0 || fstat(next, &st) < 0) {
            return FOUND_NOTHING;
        }
        found = kind_of(&st);
        met->link = met->link || found == FOUND_SYMLINK;
        if (found == FOUND_FOLDER) {
            met->opaque = met->opaque || (path->count && is_opaque(next));
        } else if (i + 1 < path->count && found != FOUND_SYMLINK) {
            return FOUND_HIDDEN;
        } else if (i + 1 < path->count) {
            return FOUND_NOTHING; /* a link that a layer above made a folder */
        }
        fd_close(at);
        at = take_fd(&next);
    }
    *ret_fd = take_fd(&at);
    return found;
}

/* *ret_link: a link was met, so that the components may lead elsewhere. */
static enum found look(const struct image *image, const struct strv *path, bool *ret_link,
                       int *ret_fd)
{
    struct met met = {0};
    enum found found = FOUND_NOTHING;
    for (size_t i = 0; i < image->layers.count && found == FOUND_NOTHING && !met.opaque; i++) {
        found = look_in_layer(image->layers.items[i], path, &met, ret_fd);
    }
    *ret_link = met.link;
    return found == FOUND_NOTHING ? FOUND_HIDDEN : found;
}

static void drop_last(struct strv *v)
{
    if (v->count) {
        free(v->items[--v->count]);
        v->items[v->count] = NULL;
    }
}

/* Puts a link's target in front of what remains. */
static void splice_link(int link_fd, struct strv *done, char **rest, const char *behind)
{
    char target[PATH_MAX];
    ssize_t n = readlinkat(link_fd, "", target, sizeof(target) - 1);
    target[n < 0 ? 0 : n] = '\0';
    drop_last(done);
    if (target[0] == '/') {
        while (done->count) {
            drop_last(done);
        }
    }
    char *joined = str_format("%s/%s", target, behind);
    free(*rest);
    *rest = joined;
}

/* Follows `path` inside the image: *done are the components that no link is among, *ret_fd is an
 * O_PATH one of what is there (of the image's root: -1). Returns FOUND_FOLDER or FOUND_FILE. */
static int walk(const struct image *image, const char *path, struct strv *done, int *ret_fd)
{
    CLEANUP(free) char *rest = xstrdup(path);
    char *at = rest;
    enum found found = FOUND_FOLDER;
    bool any;
    for (int links = 0; links < SYMLINKS_MAX;) {
        at += strspn(at, "/");
        if (!*at) {
            return (int)found;
        }
        size_t n = strcspn(at, "/");
        CLEANUP(free) char *name = xstrndup(at, n);
        at += n;
        if (str_equal(name, ".")) {
            continue;
        }
        if (str_equal(name, "..")) {
            drop_last(done);
            continue;
        }
        strv_add(done, name);
        *ret_fd = fd_close(*ret_fd);
        found = look(image, done, &any, ret_fd);
        if (found == FOUND_SYMLINK) {
            splice_link(*ret_fd, done, &rest, at);
            at = rest;
            links++;
        } else if (found != FOUND_FOLDER && found != FOUND_FILE) {
            return -ENOENT;
        }
    }
    return -ELOOP;
}

/* The components of a path in which no link or ".." has to be followed, tried whole: 0, -ENOENT, or
 * -ELOOP when that does not do. */
static int open_straight(const struct image *image, const char *path, int *ret_fd)
{
    CLEANUP(strv) struct strv parts = {0};
    bool link;
    strv_split(&parts, path + strspn(path, "/"), '/');
    if (!parts.count || strv_contains(&parts, "") || strv_contains(&parts, ".") ||
        strv_contains(&parts, "..")) {
        return -ELOOP;
    }
    enum found found = look(image, &parts, &link, ret_fd);
    return link ? -ELOOP : found == FOUND_FILE ? 0 : -ENOENT;
}

static int open_in_image(const struct image *image, const char *path, int *ret_fd)
{
    CLEANUP(strv) struct strv done = {0};
    int straight = open_straight(image, path, ret_fd);
    if (straight != -ELOOP) {
        return straight;
    }
    *ret_fd = fd_close(*ret_fd);
    int found = walk(image, path, &done, ret_fd);
    return found < 0 ? found : found == FOUND_FILE ? 0 : -ENOENT;
}

int image_layers_of(const struct image *i, const char *path, struct strv *ret, struct error **err)
{
    CLEANUP(strv) struct strv done = {0};
    CLEANUP(fd) int fd = -1;
    int r = walk(i, path, &done, &fd);
    if (r < 0) {
        return error_set(err, r == -ENOENT ? ERROR_NOT_FOUND : ERROR_INVALID_INPUT, -r,
                         "the image has no '%s'", path);
    }
    CLEANUP(free) char *inside = strv_join(&done, "/");
    for (size_t n = 0; n < i->layers.count; n++) {
        CLEANUP(fd) int layer_fd = -1;
        struct met met = {0};
        enum found found = look_in_layer(i->layers.items[n], &done, &met, &layer_fd);
        bool folder = found == FOUND_FOLDER;
        if (folder || (found == FOUND_FILE && !ret->count)) {
            strv_addf(ret, "%s%s%s", i->layers.items[n], done.count ? "/" : "", inside);
        }
        if (met.opaque || (!folder && found != FOUND_NOTHING)) {
            break;
        }
    }
    return 0;
}

int image_read_file(const struct image *i, const char *path, size_t max, char **ret,
                    struct error **err)
{
    *ret = NULL;
    CLEANUP(fd) int fd = -1;
    int r = open_in_image(i, path, &fd);
    if (r < 0) {
        return error_set_errno(err, r == -ENOENT ? ERROR_NOT_FOUND : ERROR_INVALID_INPUT, -r,
                               "the image's '%s'", path);
    }
    CLEANUP(free) char *self = str_format("/proc/self/fd/%d", fd);
    r = file_read(AT_FDCWD, self, max, ret, NULL, err);
    return r < 0 ? error_wrap(err, r, "the image's '%s'", path) : 0;
}
