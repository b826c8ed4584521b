// SPDX-License-Identifier: Apache-2.0
#include "compose/changes.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "base/file.h"

#define CHANGES (IN_CREATE | IN_CLOSE_WRITE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ONLYDIR)
#define DEPTH_MAX 128 /* of folders */

int changes_open(struct changes *c, struct error **err)
{
    c->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    return c->fd < 0 ? error_set_errno(err, ERROR_KERNEL, errno, "watching files") : 0;
}

void changes_close(struct changes *c)
{
    for (size_t i = 0; i < c->count; i++) {
        free(c->folders[i]);
    }
    free(c->folders);
    c->fd = fd_close(c->fd);
    c->count = 0;
}

static void remember(struct changes *c, int watch, const char *folder)
{
    size_t index = (size_t)watch;
    if (index >= c->count) {
        c->folders = xrealloc(c->folders, (index + 64) * sizeof(*c->folders));
        memset(c->folders + c->count, 0, (index + 64 - c->count) * sizeof(*c->folders));
        c->count = index + 64;
    }
    free(c->folders[index]);
    c->folders[index] = xstrdup(folder);
}

static bool is_folder(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* The folder and those below; what is in them is appended to `seen`, which may be NULL. */
static int watch_folder(struct changes *c, const char *folder, int depth, struct strv *seen,
                        struct error **err)
{
    CLEANUP(strv) struct strv names = {0};
    if (c->pass_over && c->pass_over(c->context, folder)) {
        return 0;
    }
    int watch = inotify_add_watch(c->fd, folder, CHANGES);
    if (watch < 0 && (errno == ENOENT || errno == ENOTDIR || errno == EACCES)) {
        return 0; /* gone meanwhile, or not ours to see */
    }
    if (watch < 0) {
        int r = error_set_errno(err, ERROR_KERNEL, errno, "watching '%s'", folder);
        return errno == ENOSPC ? error_hint(err, r, "raise fs.inotify.max_user_watches") : r;
    }
    remember(c, watch, folder);
    if (list_folder_whole(AT_FDCWD, folder, &names, NULL) < 0) {
        return 0;
    }
    for (size_t i = 0; i < names.count; i++) {
        CLEANUP(free) char *path = str_format("%s/%s", folder, names.items[i]);
        if (seen) {
            strv_add(seen, path);
        }
        int r =
            is_folder(path) && depth < DEPTH_MAX ? watch_folder(c, path, depth + 1, seen, err) : 0;
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

int changes_watch(struct changes *c, const char *path, struct error **err)
{
    if (is_folder(path)) {
        return watch_folder(c, path, 0, NULL, err);
    }
    CLEANUP(free) char *folder = xstrndup(path, (size_t)(strrchr(path, '/') - path));
    int watch = inotify_add_watch(c->fd, *folder ? folder : "/", CHANGES);
    if (watch < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "watching '%s'", folder);
    }
    remember(c, watch, folder);
    return 0;
}

static void add_once(struct strv *to, const char *path)
{
    if (!strv_contains(to, path)) {
        strv_add(to, path);
    }
}

static int take_event(struct changes *c, const struct inotify_event *e, struct strv *ret,
                      struct error **err)
{
    const char *folder = e->wd >= 0 && (size_t)e->wd < c->count ? c->folders[(size_t)e->wd] : NULL;
    if (!folder || !e->len) {
        return 0;
    }
    CLEANUP(free) char *path = str_format("%s/%s", folder, e->name);
    /* A file that is made will be written and closed; a link or a folder will not. */
    if ((e->mask & IN_CREATE) && !(e->mask & IN_ISDIR)) {
        struct stat st;
        if (lstat(path, &st) == 0 && S_ISREG(st.st_mode)) {
            return 0;
        }
    }
    add_once(ret, path);
    return (e->mask & IN_ISDIR) && (e->mask & (IN_CREATE | IN_MOVED_TO))
               ? watch_folder(c, path, 0, ret, err)
               : 0;
}

static int take_events(struct changes *c, struct strv *ret, struct error **err)
{
    char block[64 * (sizeof(struct inotify_event) + NAME_MAX + 1)]
        __attribute__((aligned(__alignof__(struct inotify_event))));
    ssize_t n;
    int r = 0;
    while (r == 0 && (n = read(c->fd, block, sizeof(block))) > 0) {
        for (char *at = block; at < block + n && r == 0;) {
            const struct inotify_event *e = (const void *)at;
            r = take_event(c, e, ret, err);
            at += sizeof(*e) + e->len;
        }
    }
    return r;
}

int changes_wait(struct changes *c, int quiet_ms, struct strv *ret, struct error **err)
{
    struct pollfd p = {.fd = c->fd, .events = POLLIN};
    for (;;) {
        int n = poll(&p, 1, ret->count ? quiet_ms : -1);
        if (n <= 0) {
            return n == 0;
        }
        int r = take_events(c, ret, err);
        if (r < 0) {
            return r;
        }
    }
}

void changes_list(const struct changes *c, const char *path, struct strv *ret)
{
    CLEANUP(strv) struct strv names = {0};
    strv_add(ret, path);
    if (!is_folder(path) || (c->pass_over && c->pass_over(c->context, path)) ||
        list_folder_whole(AT_FDCWD, path, &names, NULL) < 0) {
        return;
    }
    for (size_t i = 0; i < names.count; i++) {
        CLEANUP(free) char *one = str_format("%s/%s", path, names.items[i]);
        changes_list(c, one, ret);
    }
}
