// SPDX-License-Identifier: Apache-2.0
#include "build/copy_job.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/copy_tree.h"
#include "base/file.h"
#include "build/add_remote.h"
#include "build/owner.h"
#include "build/rootfs.h"
#include "spec/from_image.h"
#include "wall/container/mount.h"

struct copying {
    struct build *b;
    struct build_step *step;
    const struct copy_spec *c;
    int root; /* of the destination */
    bool to_folder;
    bool set_owner; /* --chown, or files of a context, which are root's */
    uid_t uid, gid;
    struct content_request q;
    const char *top; /* of the source at hand */
    bool remote;     /* it was fetched */
    struct error **err;
};

static enum copy_part wanted(void *context, const char *path, bool is_folder)
{
    const struct copying *c = context;
    return content_has(&c->q, c->top, path, is_folder);
}

static mode_t new_mode(void *context, mode_t own)
{
    const struct copying *c = context;
    return c->c->chmod ? chmod_apply(c->c->chmod, own) : own;
}

static struct copy how_of(struct copying *c)
{
    bool patterns = (c->q.ignore && c->q.ignore->count) || (c->q.excludes && c->q.excludes->count);
    return (struct copy){.set_owner = c->set_owner,
                         .uid = c->uid,
                         .gid = c->gid,
                         .wanted = patterns ? wanted : NULL,
                         .mode = c->c->chmod ? new_mode : NULL,
                         .context = c};
}

static int failed(struct copying *c, int code, const char *what)
{
    return error_set_errno(c->err, ERROR_KERNEL, code, "copying '%s' to '%s'", what,
                           c->c->destination);
}

int copy_source_open(const struct build *b, const struct build_step *step, const char *at,
                     struct error **err)
{
    const struct input *from = &step->copy.from;
    if (from->kind == INPUT_CONTEXT || from->kind == INPUT_FOLDER) {
        int fd = from->kind == INPUT_FOLDER ? b->named[from->stage].fd : b->context.fd;
        return fd < 0 ? error_set(err, ERROR_NOT_FOUND, 0,
                                  "there is no context: the Dockerfile came from standard input")
                      : open_in_root(fd, ".", O_RDONLY | O_DIRECTORY, 0);
    }
    CLEANUP(strv) struct strv layers = {0};
    rootfs_layers_of(b, from, &layers);
    return rootfs_mount(&layers, NULL, NULL, at, err);
}

int copy_content_request(const struct build *b, const struct build_step *step, int folder,
                         struct ignore *excludes, struct content_request *ret, struct error **err)
{
    const struct input *from = &step->copy.from;
    const struct context *context = from->kind == INPUT_CONTEXT  ? &b->context
                                    : from->kind == INPUT_FOLDER ? &b->named[from->stage]
                                                                 : NULL;
    int r = 0;
    for (size_t i = 0; i < step->copy.excludes.count && r == 0; i++) {
        r = ignore_add(excludes, step->copy.excludes.items[i], err);
    }
    *ret = (struct content_request){.folder = folder,
                                    .ignore = context ? &context->ignore : NULL,
                                    .excludes = excludes->count ? excludes : NULL,
                                    .digests = context ? context->digests : NULL,
                                    .names = context ? context->names : NULL,
                                    .owners = !context,
                                    .parents = step->copy.parents};
    return r;
}

/* Folders down to the path, made as the step's owner's where they are missing. *ret_made, unless it
 * is NULL: the last one was. */
static int make_folders(struct copying *c, const char *path, bool *ret_made)
{
    CLEANUP(strv) struct strv parts = {0};
    CLEANUP(strbuf) struct strbuf at = {0};
    strv_split(&parts, path, '/');
    strbuf_addc(&at, '/');
    int fd = open_in_root(c->root, "/", O_PATH | O_DIRECTORY, 0);
    for (size_t i = 0; i < parts.count && fd >= 0; i++) {
        if (!*parts.items[i] || str_equal(parts.items[i], ".")) {
            continue;
        }
        strbuf_addf(&at, "%s%s", at.len > 1 ? "/" : "", parts.items[i]);
        int next = open_in_root(c->root, at.data, O_PATH | O_DIRECTORY, 0);
        if (ret_made) {
            *ret_made = next == -ENOENT;
        }
        if (next == -ENOENT) {
            next = mkdirat(fd, parts.items[i], 0755) == 0
                       ? openat(fd, parts.items[i], O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
                   : errno == EEXIST ? target_open(c->root, at.data, TARGET_FOLDER, false)
                                     : -errno;
            if (next >= 0 && c->set_owner &&
                fchownat(next, "", c->uid, c->gid, AT_EMPTY_PATH) < 0) {
                next = fd_close(next);
            }
        }
        fd_close(fd);
        fd = next;
    }
    return fd;
}

static int reopen(int path_fd)
{
    CLEANUP(free) char *self = str_format("/proc/self/fd/%d", path_fd);
    int fd = open(self, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/* Where the link leads that is the path's last component, whether or not anything is there: a path
 * from the root; NULL when it is no link. The caller frees. */
static char *link_target(const struct copying *c, const char *path)
{
    char target[4096];
    CLEANUP(fd) int link = open_in_root(c->root, path, O_PATH | O_NOFOLLOW, 0);
    ssize_t len = link < 0 ? -1 : readlinkat(link, "", target, sizeof(target) - 1);
    if (len <= 0) {
        return NULL;
    }
    target[len] = '\0';
    return target[0] == '/' ? xstrdup(target)
                            : str_format("%.*s/%s", (int)(strrchr(path, '/') - path), path, target);
}

/* Where a file goes: the folder, opened, and the name in it. The caller frees. */
static int file_place(struct copying *c, const char *destination, const char *name, char **ret_name)
{
    CLEANUP(free) char *path = xstrdup(destination);
    size_t n = strlen(path);
    CLEANUP(fd) int there = open_in_root(c->root, path, O_PATH | O_DIRECTORY, 0);
    if (path[n - 1] == '/' || there >= 0) {
        *ret_name = xstrdup(name);
        CLEANUP(fd) int fd = make_folders(c, path, NULL);
        return fd < 0 ? fd : reopen(fd);
    }
    /* What is there may be a link: the file goes where it leads. */
    CLEANUP(fd) int file = open_in_root(c->root, path, O_PATH, 0);
    CLEANUP(free) char *elsewhere = file == -ENOENT ? link_target(c, path) : NULL;
    if (elsewhere) { /* to nothing yet; a circle would be -ELOOP */
        return file_place(c, elsewhere, name, ret_name);
    }
    char target[4096];
    if (file >= 0) {
        CLEANUP(free) char *self = str_format("/proc/self/fd/%d", file);
        ssize_t len = readlink(self, target, sizeof(target) - 1);
        target[len < 0 ? 0 : len] = '\0';
    }
    char *slash = strrchr(path, '/');
    if (file >= 0 && target[0] == '/' && strrchr(target, '/')[1]) {
        CLEANUP(free) char *inside = xstrdup(target); /* a detached mount's paths are its own */
        char *last = strrchr(inside, '/');
        *ret_name = xstrdup(last + 1);
        *last = '\0';
        int parent = open_in_root(c->root, *inside ? inside : "/", O_RDONLY | O_DIRECTORY, 0);
        if (parent >= 0) {
            return parent;
        }
        free(take_ptr(*ret_name));
    }
    *ret_name = xstrdup(slash + 1);
    *slash = '\0';
    CLEANUP(fd) int fd = make_folders(c, path, NULL);
    return fd < 0 ? fd : reopen(fd);
}

static int copy_folder_source(struct copying *c, int from, const char *destination,
                              const char *what)
{
    struct copy how = how_of(c);
    struct stat before;
    CLEANUP(fd) int place = make_folders(c, destination, NULL);
    CLEANUP(fd) int to = place < 0 ? place : reopen(place);
    if (to < 0 || fstat(to, &before) < 0) {
        return failed(c, to < 0 ? -to : errno, what);
    }
    int r = copy_content(from, to, &how);
    if (r == 0) { /* the folder itself is not copied: it is what it was, or was made as */
        r = fchown(to, before.st_uid, before.st_gid) < 0 || fchmod(to, before.st_mode & 07777) < 0
                ? -errno
                : 0;
    }
    return r < 0 ? failed(c, -r, what) : 0;
}

static int copy_file_source(struct copying *c, int from, const char *destination, const char *name,
                            const char *what)
{
    CLEANUP(free) char *new_name = NULL;
    struct copy how = how_of(c);
    how.wanted = NULL;
    CLEANUP(fd) int to = file_place(c, destination, name, &new_name);
    if (to < 0) {
        return failed(c, -to, what);
    }
    int r = copy_open_file(from, to, new_name, &how);
    return r < 0 ? failed(c, -r, what) : 0;
}

/* 1: it was an archive. Its folder, where it was made for nothing, gives way to the file. */
static int unpack_source(struct copying *c, int file, const char *what)
{
    bool made = false;
    if (!add_looks_like_archive(file)) {
        return 0;
    }
    CLEANUP(fd) int place = make_folders(c, c->c->destination, &made);
    CLEANUP(fd) int folder = place < 0 ? place : reopen(place);
    int r = folder < 0 ? failed(c, -folder, what) : add_archive(c->b, file, folder, c->err);
    if (r == 0 && made) {
        CLEANUP(arena) struct arena *a = arena_new();
        CLEANUP(free) char *path = xstrdup(path_clean(a, c->c->destination));
        char *slash = strrchr(path, '/');
        *slash = '\0';
        CLEANUP(fd)
        int parent = open_in_root(c->root, *path ? path : "/", O_PATH | O_DIRECTORY, 0);
        (void)unlinkat(parent, slash + 1, AT_REMOVEDIR); /* what else is there was there before */
    }
    return r;
}

static int copy_item(struct copying *c, const struct source_item *item)
{
    const char *path = *item->path ? item->path : ".";
    CLEANUP(free)
    char *destination = item->under ? str_format("%s/%s", c->c->destination, item->under)
                                    : xstrdup(c->c->destination);
    CLEANUP(fd) int from = open_in_root(c->q.folder, path, O_PATH, 0);
    struct stat st;
    if (from < 0 || fstat(from, &st) < 0) {
        return failed(c, from < 0 ? -from : errno, item->path);
    }
    c->top = item->path;
    if (S_ISDIR(st.st_mode)) {
        CLEANUP(fd) int folder = reopen(from);
        return folder < 0 ? failed(c, -folder, item->path)
                          : copy_folder_source(c, folder, destination, item->path);
    }
    if (!S_ISREG(st.st_mode)) {
        return error_set(c->err, ERROR_UNSUPPORTED, 0, "'%s' is neither a file nor a folder",
                         item->path);
    }
    CLEANUP(free) char *self = str_format("/proc/self/fd/%d", from);
    CLEANUP(fd) int file = open(self, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return failed(c, errno, item->path);
    }
    if (c->c->unpack_set ? c->c->unpack : c->c->is_add && !c->remote) {
        int r = unpack_source(c, file, item->path);
        if (r != 0) {
            return r < 0 ? r : 0;
        }
    }
    return copy_file_source(c, file, destination, item->name, item->path);
}

static int copy_inline(struct copying *c, const struct inline_file *f)
{
    CLEANUP(free) char *name = NULL;
    CLEANUP(fd) int to = file_place(c, c->c->destination, f->name, &name);
    if (to < 0) {
        return failed(c, -to, f->name);
    }
    (void)unlinkat(to, name, 0);
    CLEANUP(fd)
    int fd = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    int r = fd < 0 ? -errno : write_all(fd, f->content, strlen(f->content));
    mode_t mode = c->c->chmod ? chmod_apply(c->c->chmod, S_IFREG | 0644) & 07777 : 0644;
    if (r >= 0 && ((c->set_owner && fchown(fd, c->uid, c->gid) < 0) || fchmod(fd, mode) < 0)) {
        r = -errno;
    }
    return r < 0 ? failed(c, -r, f->name) : 0;
}

static int find_owner(struct copying *c, const struct stage *s, const char *text, int output)
{
    struct owner_request q = {.text = text,
                              .root = c->root,
                              .of_nothing = s->layer_count == 0 || (c->c && c->c->link),
                              .output = output};
    c->set_owner = true;
    return owner_find(&q, &c->uid, &c->gid, c->err);
}

static int copy_all(struct copying *c, const char *temporary)
{
    CLEANUP(ignore) struct ignore excludes = {0};
    const struct copy_spec *spec = c->c;
    CLEANUP(fd) int folder = -1;
    int r = 0;
    for (size_t i = 0; i < spec->sources.count && r >= 0; i++) {
        const char *source = spec->sources.items[i];
        CLEANUP(source_items) struct source_items items = {0};
        CLEANUP(fd) int fetched = -1;
        if (copy_is_remote(spec, i)) {
            fetched = add_remote_open(c->b, c->step, i, c->err);
            r = fetched < 0
                    ? fetched
                    : copy_content_request(c->b, c->step, fetched, &excludes, &c->q, c->err);
            c->q.ignore = NULL;
            c->remote = true;
            r = r < 0                 ? r
                : copy_is_git(source) ? copy_folder_source(c, fetched, spec->destination, source)
                                      : add_remote_file(c->b, c->step, i, fetched, &items, c->err);
        } else {
            c->remote = false;
            if (folder < 0) {
                folder = copy_source_open(c->b, c->step, temporary, c->err);
            }
            r = folder < 0 ? folder
                           : copy_content_request(c->b, c->step, folder, &excludes, &c->q, c->err);
            r = r < 0 ? r : content_find(&c->q, source, &items, c->err);
        }
        for (size_t n = 0; n < items.count && r >= 0; n++) {
            r = copy_item(c, &items.items[n]);
        }
    }
    for (size_t i = 0; i < spec->file_count && r >= 0; i++) {
        r = copy_inline(c, &spec->files[i]);
    }
    return r;
}

/* --link: into nothing, whatever is below. */
static int open_destination(struct copying *c, struct stage *s, const struct step_folders *f,
                            const char *temporary)
{
    CLEANUP(strv) struct strv layers = {0};
    if (!c->c || !c->c->link) {
        rootfs_layers(s, &layers);
    }
    c->root = rootfs_mount(&layers, f->diff, f->work, temporary, c->err);
    return c->root;
}

int copy_job(struct build *b, struct stage *s, struct build_step *step, int output,
             json_t **ret_result, struct error **err)
{
    const struct copy_spec *spec = &step->copy;
    bool of_layers = spec->from.kind == INPUT_STAGE || spec->from.kind == INPUT_IMAGE;
    struct copying c = {
        .b = b, .step = step, .c = spec, .root = -1, .set_owner = !of_layers, .err = err};
    CLEANUP(step_folders) struct step_folders f = {0};
    int r = step_folders_make(b, step, &f, err);
    r = r < 0 ? r : open_destination(&c, s, &f, f.work);
    if (r >= 0 && spec->chown) {
        r = find_owner(&c, s, spec->chown, output);
    }
    r = r < 0 ? r : copy_all(&c, f.work);
    fd_close(c.root);
    return r < 0 ? r : 0;
}

int workdir_job(struct build *b, struct stage *s, struct build_step *step, int output,
                json_t **ret_result, struct error **err)
{
    struct copying c = {.b = b, .step = step, .root = -1, .err = err};
    CLEANUP(step_folders) struct step_folders f = {0};
    int r = step_folders_make(b, step, &f, err);
    r = r < 0 ? r : open_destination(&c, s, &f, f.work);
    if (r >= 0 && step->user) {
        r = find_owner(&c, s, step->user, output);
    }
    if (r >= 0) {
        CLEANUP(fd) int fd = make_folders(&c, step->folder, NULL);
        r = fd < 0 ? error_set_errno(err, ERROR_KERNEL, -fd, "making '%s'", step->folder) : 0;
    }
    fd_close(c.root);
    return r;
}
