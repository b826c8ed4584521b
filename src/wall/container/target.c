// SPDX-License-Identifier: Apache-2.0
/* Targets inside the root: opened by openat2, made folder by folder through descriptors. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "wall/container/mount.h"

#define LINKS_MAX 16 /* symlinks to places still to be made; the kernel follows the others */

static int open_inside(int root_fd, const char *path, int flags, bool no_symlinks)
{
    if (!no_symlinks) {
        return open_in_root(root_fd, *path ? path : ".", flags, 0);
    }
    struct open_how how = {
        .flags = (unsigned int)flags | O_CLOEXEC,
        .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS,
    };
    long fd = syscall(SYS_openat2, root_fd, *path ? path : ".", &how, sizeof(how));
    return fd < 0 ? -errno : (int)fd;
}

/* A path that is still to be walked, rewritten where it meets a symlink that leads nowhere yet. */
struct walk {
    char path[PATH_MAX];
    int links;
    bool no_symlinks;
};

/* path[0..start) is the folder above, path[start..end) the link's name: puts the link's target in
 * their place. */
static int follow(struct walk *w, int parent, size_t start, size_t end)
{
    char name[NAME_MAX + 1], target[PATH_MAX], rest[PATH_MAX];
    memcpy(name, w->path + start, end - start);
    name[end - start] = '\0';
    ssize_t n = readlinkat(parent, name, target, sizeof(target));
    if (n < 0) {
        return -errno;
    }
    if (w->no_symlinks || ++w->links > LINKS_MAX) {
        return -ELOOP;
    }
    size_t rest_len = strlen(w->path + end) + 1;
    memcpy(rest, w->path + end, rest_len);
    size_t at = target[0] == '/' ? 0 : start;
    if (at + (size_t)n + rest_len > sizeof(w->path)) {
        return -ENAMETOOLONG;
    }
    memcpy(w->path + at, target, (size_t)n);
    memcpy(w->path + at + n, rest, rest_len);
    return 0;
}

/* Opens, making if missing, the folder that path[0..end) names; the one above exists and is open.
 * 1: the path was rewritten, begin again. */
static int enter_or_make(struct walk *w, int root_fd, int parent, size_t start, size_t end,
                         int *ret_fd)
{
    char kept = w->path[end];
    w->path[end] = '\0';
    int fd = open_inside(root_fd, w->path, O_PATH | O_DIRECTORY, w->no_symlinks);
    int r = 0;
    if (fd == -ENOENT && mkdirat(parent, w->path + start, 0755) < 0 && errno != EEXIST) {
        r = -errno;
    } else if (fd == -ENOENT) {
        fd = open_inside(root_fd, w->path, O_PATH | O_DIRECTORY, w->no_symlinks);
    }
    w->path[end] = kept;
    if (r == 0 && fd == -ENOENT) {
        r = follow(w, parent, start, end);
        return r < 0 ? r : 1;
    }
    *ret_fd = fd;
    return r < 0 ? r : fd < 0 ? fd : 0;
}

/* The folder above is there already, as it is nearly always. */
static int open_folders(struct walk *w, int root_fd, int *ret_fd, size_t *ret_name)
{
    size_t end = strlen(w->path);
    while (end && w->path[end - 1] == '/') {
        w->path[--end] = '\0';
    }
    char *slash = strrchr(w->path, '/');
    *ret_name = slash ? (size_t)(slash - w->path) + 1 : 0;
    if (slash) {
        *slash = '\0';
    }
    const char *folder = slash ? w->path : "";
    *ret_fd = open_inside(root_fd, folder, O_PATH | O_DIRECTORY, w->no_symlinks);
    if (slash) {
        *slash = '/';
    }
    return *ret_fd < 0 ? *ret_fd : 0;
}

/* Opens the folder above path's last component, whose place is *ret_name. 1: begin again. */
static int walk_folders(struct walk *w, int root_fd, int *ret_fd, size_t *ret_name)
{
    if (open_folders(w, root_fd, ret_fd, ret_name) == 0) {
        return 0;
    }
    CLEANUP(fd) int parent = open_inside(root_fd, "", O_PATH | O_DIRECTORY, false);
    if (parent < 0) {
        return parent;
    }
    size_t start = 0;
    for (;;) {
        start += strspn(w->path + start, "/");
        size_t end = start + strcspn(w->path + start, "/");
        if (!w->path[end + strspn(w->path + end, "/")]) {
            w->path[end] = '\0';
            *ret_name = start;
            *ret_fd = take_fd(&parent);
            return 0;
        }
        int fd = -1;
        int r = enter_or_make(w, root_fd, parent, start, end, &fd);
        if (r != 0) {
            return r;
        }
        fd_close(parent);
        parent = fd;
        start = end;
    }
}

static int walk_init(struct walk *w, const char *path, bool no_symlinks)
{
    size_t len = strlen(path);
    if (len >= sizeof(w->path)) {
        return -ENAMETOOLONG;
    }
    memcpy(w->path, path, len + 1);
    w->links = 0;
    w->no_symlinks = no_symlinks;
    return 0;
}

/* Makes the last component. 1: it is a symlink to what is missing, begin again. */
static int make_last(struct walk *w, int root_fd, enum target_kind kind, int *ret_fd)
{
    size_t start = 0;
    CLEANUP(fd) int parent = -1;
    int r = walk_folders(w, root_fd, &parent, &start);
    if (r != 0) {
        return r;
    }
    const char *name = w->path + start;
    if (kind == TARGET_FOLDER) {
        r = mkdirat(parent, name, 0755) < 0 ? -errno : 0;
    } else {
        int fd = openat(parent, name, O_CREAT | O_EXCL | O_CLOEXEC | O_WRONLY | O_NOFOLLOW, 0644);
        r = fd < 0 ? -errno : 0;
        fd_close(fd);
    }
    if (r < 0 && r != -EEXIST) {
        return r;
    }
    int fd = open_inside(root_fd, w->path, O_PATH, w->no_symlinks);
    if (fd == -ENOENT) {
        r = follow(w, parent, start, strlen(w->path));
        return r < 0 ? r : 1;
    }
    *ret_fd = fd;
    return fd < 0 ? fd : 0;
}

int target_open(int root_fd, const char *path, enum target_kind kind, bool no_symlinks)
{
    int flags = O_PATH | (kind == TARGET_FOLDER ? O_DIRECTORY : 0);
    int fd = open_inside(root_fd, path, flags, no_symlinks);
    if (fd != -ENOENT || kind == TARGET_ANY) {
        return fd;
    }
    struct walk w;
    int r = walk_init(&w, path, no_symlinks);
    if (r < 0) {
        return r;
    }
    do {
        r = make_last(&w, root_fd, kind, &fd);
    } while (r == 1);
    return r < 0 ? r : fd;
}

int target_parent(int root_fd, const char *path, const char **ret_name)
{
    const char *slash = strrchr(path, '/');
    *ret_name = slash ? slash + 1 : path;
    char folder[PATH_MAX];
    size_t len = slash ? (size_t)(slash - path) : 0;
    if (len >= sizeof(folder)) {
        return -ENAMETOOLONG;
    }
    memcpy(folder, path, len);
    folder[len] = '\0';
    return target_open(root_fd, folder, TARGET_FOLDER, false);
}
