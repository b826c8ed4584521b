// SPDX-License-Identifier: Apache-2.0
/* Looking a path up in an image without mounting it: what overlayfs would show, read layer by
 * layer. A path whose components are known not to be links is looked up from the topmost layer
 * down; a link found on the way is spliced in and the walk begins again, inside the image. */
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

/* Looks the components up in one layer. *opaque: a folder on the way hides what is below it. */
static enum found look_in_layer(const char *layer, const struct strv *path, bool *opaque,
                                int *ret_fd)
{
    CLEANUP(fd) int at = open(layer, O_PATH | O_DIRECTORY | O_CLOEXEC);
    enum found found = at < 0 ? FOUND_NOTHING : FOUND_FOLDER;
    for (size_t i = 0; i < path->count && found == FOUND_FOLDER; i++) {
        CLEANUP(fd) int next = openat(at, path->items[i], O_PATH | O_NOFOLLOW | O_CLOEXEC);
        struct stat st;
        if (next < 0 || fstat(next, &st) < 0) {
            return FOUND_NOTHING;
        }
        found = kind_of(&st);
        if (found == FOUND_FOLDER) {
            *opaque = *opaque || is_opaque(next);
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

static enum found look(const struct image *image, const struct strv *path, int *ret_fd)
{
    for (size_t i = 0; i < image->layers.count; i++) {
        bool opaque = false;
        enum found found = look_in_layer(image->layers.items[i], path, &opaque, ret_fd);
        if (found != FOUND_NOTHING) {
            return found;
        }
        if (opaque) {
            break;
        }
    }
    return FOUND_HIDDEN;
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
        found = look(image, done, ret_fd);
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

static int open_in_image(const struct image *image, const char *path, int *ret_fd)
{
    CLEANUP(strv) struct strv done = {0};
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
        bool opaque = false;
        enum found found = look_in_layer(i->layers.items[n], &done, &opaque, &layer_fd);
        bool folder = found == FOUND_FOLDER;
        if (folder || (found == FOUND_FILE && !ret->count)) {
            strv_addf(ret, "%s%s%s", i->layers.items[n], done.count ? "/" : "", inside);
        }
        if (opaque || (!folder && found != FOUND_NOTHING)) {
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
