// SPDX-License-Identifier: Apache-2.0
/* RUN --mount: folders of contexts, stages and images, caches that live on, tmpfs, secrets, an SSH
 * agent; as mounts of the spec. What the build's user controls is resolved inside its root and
 * mounted by descriptor, so that no link in it, and none swapped in meanwhile, leads out. The
 * mounts are in a mount namespace of the step's own. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/copy_tree.h"
#include "base/file.h"
#include "build/content.h"
#include "build/rootfs.h"
#include "build/run_job.h"
#include "build/sealer.h"
#include "build/ssh_relay.h"
#include "spec/spec.h"
#include "wall/container/mount.h"

#define SECRET_MODE 0400
#define MOUNTS_MAX 128

struct bind {
    int tree; /* a detached mount */
    char *path;
};
struct run_mounts {
    int locks[MOUNTS_MAX]; /* held for as long as the step runs */
    size_t lock_count;
    struct bind binds[MOUNTS_MAX + 1];
    size_t bind_count;
};

struct adding {
    struct build *b;
    struct stage *s;
    struct build_step *step;
    const char *folder; /* of the step, on tmpfs */
    struct spec *spec;
    struct run_mounts *mounts;
    size_t index;
    struct error **err;
};

static void keep(struct adding *a, int fd)
{
    a->mounts->locks[a->mounts->lock_count++] = fd;
}

void run_mounts_free(struct run_mounts *m)
{
    for (size_t i = 0; m && i < m->lock_count; i++) {
        fd_close(m->locks[i]);
    }
    for (size_t i = 0; m && i < m->bind_count; i++) {
        fd_close(m->binds[i].tree);
        free(m->binds[i].path);
    }
    free(m);
}

static void add_mount(struct adding *a, const char *type, const char *source, const char *target,
                      const char *const *options)
{
    struct arena *arena = a->spec->arena;
    struct spec_mount *m = arena_push(arena, a->spec->mounts, a->spec->mount_count);
    *m = (struct spec_mount){.destination = arena_strdup(arena, target),
                             .type = arena_strdup(arena, type),
                             .source = arena_strdup(arena, source)};
    for (size_t i = 0; options[i]; i++) {
        *arena_push(arena, m->options, m->option_count) = arena_strdup(arena, options[i]);
    }
}

/* A clone of what the descriptor is open on, detached: run_mounts_attach() puts it where the spec
 * says that it is, in a mount namespace of this process alone. `fd` is taken. */
static int bind_fd(struct adding *a, int fd, const char *target, bool writable)
{
    struct run_mounts *m = a->mounts;
    struct stat st;
    int r = fstat(fd, &st) < 0 ? -errno : 0;
    int tree = r < 0 ? r : mount_clone(fd, "", true);
    fd_close(fd);
    CLEANUP(free) char *path = str_format("%s/b%zu", a->folder, m->bind_count);
    if (tree >= 0) {
        CLEANUP(fd)
        int made = S_ISDIR(st.st_mode) ? mkdir(path, 0700)
                                       : open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        r = made < 0 ? -errno : 0;
        if (S_ISDIR(st.st_mode)) {
            made = -1;
        }
    }
    if (tree < 0 || r < 0) {
        fd_close(tree);
        return error_set_errno(a->err, ERROR_KERNEL, tree < 0 ? -tree : -r,
                               "what is to be mounted on '%s'", target);
    }
    const char *const options[] = {"bind", writable ? "rw" : "ro", "rprivate", "nodev", NULL};
    m->binds[m->bind_count++] = (struct bind){tree, xstrdup(path)};
    add_mount(a, "bind", path, target, options);
    return 0;
}

/* The namespace is this process's, a copy of the host's: no other sees the mounts, and they go with
 * the last process in it, however that ends. */
static int attach_binds(struct adding *a)
{
    struct run_mounts *m = a->mounts;
    int r = unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0
                ? -errno
                : 0;
    for (size_t i = 0; i < m->bind_count && r >= 0; i++) {
        CLEANUP(fd) int at = open(m->binds[i].path, O_PATH | O_CLOEXEC);
        r = at < 0 ? -errno : mount_attach(m->binds[i].tree, at);
    }
    return r < 0 ? error_set_errno(a->err, ERROR_KERNEL, -r, "mounting for RUN") : 0;
}

/* Folders and files in a name space of the step's own; `large` ones are on the store's disk, and go
 * with the worker's temporary folder. */
static char *own_path(struct adding *a, const char *what, bool large)
{
    return large ? str_format("%s/m%d-%s%zu", sealer_folder(a->b->sealer), a->step->number, what,
                              a->index)
                 : str_format("%s/%s%zu", a->folder, what, a->index);
}

static enum copy_part wanted(void *context, const char *path, bool is_folder)
{
    return content_has(context, "", path, is_folder);
}

/* A copy of its own, where what is there cannot be mounted as it is: it is to be written to, or
 * ignore patterns leave parts out. `from`: opened with O_PATH. */
static int bind_copy(struct adding *a, int from, const struct ignore *ignore)
{
    const struct run_mount *m = &a->step->mounts[a->index];
    CLEANUP(free) char *path = own_path(a, "bind", true);
    CLEANUP(free) char *self = str_format("/proc/self/fd/%d", from);
    struct content_request q = {.ignore = ignore};
    struct copy how = {.wanted = ignore && ignore->count ? wanted : NULL, .context = &q};
    struct stat st;
    if (fstat(from, &st) < 0 || mkdir(path, 0755) < 0) {
        return error_set_errno(a->err, ERROR_KERNEL, errno, "making the folder '%s'", path);
    }
    CLEANUP(fd) int to = open_file(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0, a->err);
    CLEANUP(fd) int source = to < 0 ? -1 : open_file(AT_FDCWD, self, O_RDONLY, 0, a->err);
    if (source < 0) {
        return source;
    }
    int r = -EINVAL;
    if (S_ISDIR(st.st_mode)) {
        r = copy_content(source, to, &how);
    } else if (S_ISREG(st.st_mode)) {
        CLEANUP(fd)
        int file = openat(to, "file", O_WRONLY | O_CREAT | O_CLOEXEC, st.st_mode & 0777);
        CLEANUP(free) char *text = NULL;
        size_t len = 0;
        r = file < 0 ? -errno : file_read(AT_FDCWD, self, (size_t)1 << 30, &text, &len, NULL);
        r = r < 0 ? r : write_all(file, text, len);
    }
    if (r < 0) {
        return error_set_errno(a->err, ERROR_KERNEL, -r, "copying what is to be mounted on '%s'",
                               m->target);
    }
    int fd = openat(to, S_ISDIR(st.st_mode) ? "." : "file", O_PATH | O_CLOEXEC);
    return bind_fd(a, fd, m->target, m->writable);
}

static int bind_folder(struct adding *a, int root, const struct ignore *ignore)
{
    const struct run_mount *m = &a->step->mounts[a->index];
    const char *source = str_or(m->source, "/");
    int fd = open_in_root(root, source, O_PATH, 0);
    if (fd < 0) {
        return error_set_errno(a->err, ERROR_NOT_FOUND, -fd, "the source '%s' of '%s'", source,
                               m->target);
    }
    bool as_it_is = !m->writable && (!ignore || !ignore->count);
    if (as_it_is) {
        return bind_fd(a, fd, m->target, false);
    }
    int r = bind_copy(a, fd, ignore);
    fd_close(fd);
    return r;
}

/* The layers of a stage or an image: an overlay in the workload's own mount namespace. */
static int bind_layers(struct adding *a, const struct strv *layers)
{
    const struct run_mount *m = &a->step->mounts[a->index];
    struct image image = {.layers = *layers, .lock_fd = -1};
    CLEANUP(strv) struct strv folders = {0};
    if (m->writable) {
        CLEANUP(fd) int root = rootfs_mount(layers, NULL, NULL, a->folder, a->err);
        return root < 0 ? root : bind_folder(a, root, NULL);
    }
    int r = layers->count ? image_layers_of(&image, str_or(m->source, "/"), &folders, a->err)
                          : error_set(a->err, ERROR_NOT_FOUND, 0, "it has no files");
    if (r < 0) {
        return error_wrap(a->err, r, "the source of '%s'", m->target);
    }
    if (folders.count == 1) {
        int fd = open_file(AT_FDCWD, folders.items[0], O_PATH, 0, a->err);
        if (fd < 0) {
            return fd;
        }
        return bind_fd(a, fd, m->target, false);
    }
    CLEANUP(free) char *joined = strv_join(&folders, ":");
    CLEANUP(free) char *lower = str_format("lowerdir=%s", joined);
    const char *const options[] = {"ro", "rprivate", lower, NULL};
    add_mount(a, "overlay", "overlay", m->target, options);
    return 0;
}

static int add_bind(struct adding *a)
{
    const struct run_mount *m = &a->step->mounts[a->index];
    const struct build *b = a->b;
    CLEANUP(strv) struct strv layers = {0};
    if (!m->has_from) {
        return b->context.fd < 0
                   ? error_set(a->err, ERROR_NOT_FOUND, 0, "there is no context to mount")
                   : bind_folder(a, b->context.fd, &b->context.ignore);
    }
    if (m->from.kind == INPUT_FOLDER) {
        const struct context *c = &b->named[m->from.stage];
        return bind_folder(a, c->fd, &c->ignore);
    }
    rootfs_layers_of(b, &m->from, &layers);
    return bind_layers(a, &layers);
}

static int fill_cache(struct adding *a, int folder)
{
    const struct run_mount *m = &a->step->mounts[a->index];
    CLEANUP(strv) struct strv layers = {0};
    rootfs_layers_of(a->b, &m->from, &layers);
    CLEANUP(fd) int root = rootfs_mount(&layers, NULL, NULL, a->folder, a->err);
    CLEANUP(fd)
    int from =
        root < 0 ? root : open_in_root(root, str_or(m->source, "/"), O_RDONLY | O_DIRECTORY, 0);
    int r = from < 0 ? from : copy_content(from, folder, NULL);
    return r < 0 && root >= 0
               ? error_set_errno(a->err, ERROR_KERNEL, -r, "filling the cache '%s'", m->id)
               : r;
}

/* Made whole under another name first: it is either as it was asked for, or not there. The name is
 * the step's: two of a build may make the same at once. */
static int make_cache(struct adding *a, const char *path)
{
    const struct run_mount *m = &a->step->mounts[a->index];
    CLEANUP(free) char *fresh = str_format("%s.%s-%d", path, a->b->id, a->step->number);
    if (access(path, F_OK) == 0) {
        return 0;
    }
    if (mkdir(fresh, 0700) < 0) {
        return error_set_errno(a->err, ERROR_KERNEL, errno, "making the cache '%s'", m->id);
    }
    CLEANUP(fd) int fd = open_file(AT_FDCWD, fresh, O_RDONLY | O_DIRECTORY, 0, a->err);
    int r = fd < 0 ? fd : m->has_from ? fill_cache(a, fd) : 0;
    if (r >= 0 &&
        (fchown(fd, m->uid, m->gid) < 0 || fchmod(fd, m->mode >= 0 ? (mode_t)m->mode : 0755) < 0 ||
         (renameat2(AT_FDCWD, fresh, AT_FDCWD, path, RENAME_NOREPLACE) < 0 && errno != EEXIST))) {
        r = error_set_errno(a->err, ERROR_KERNEL, errno, "making the cache '%s'", m->id);
    }
    IGNORE(remove_tree(AT_FDCWD, fresh, NULL)); /* gone, but for a failure */
    return r;
}

/* sharing=private: another one for each step at the same time. 1: this one is ours. */
static int lock_cache(struct adding *a, const char *path)
{
    const struct run_mount *m = &a->step->mounts[a->index];
    CLEANUP(free) char *name = str_format("%s.lock", path);
    enum lock_mode mode = m->sharing == CACHE_SHARED ? LOCK_SHARED : LOCK_EXCLUSIVE;
    int lock = lock_file(AT_FDCWD, name, mode, m->sharing == CACHE_LOCKED, NULL);
    if (lock == -EWOULDBLOCK) {
        return 0;
    }
    if (lock < 0) {
        return error_set_errno(a->err, ERROR_KERNEL, -lock, "locking the cache '%s'", m->id);
    }
    keep(a, lock);
    return 1;
}

static int add_cache(struct adding *a)
{
    const struct run_mount *m = &a->step->mounts[a->index];
    char digest[DIGEST_TEXT_BYTES];
    CLEANUP(free) char *folder = str_format("%s/build/mounts", a->b->engine.data_dir);
    CLEANUP(free)
    char *key = str_format("%s|%s|%s", m->id, a->s->platform.os, a->s->platform.architecture);
    digest_of(key, strlen(key), digest);
    int r = mkdir_all(folder, 0700, a->err);
    CLEANUP(free) char *path = NULL;
    for (int copy = 0, taken = 0; r >= 0 && !taken; copy++) {
        free(path);
        path = copy ? str_format("%s/%s-%d", folder, digest_hex(digest), copy)
                    : str_format("%s/%s", folder, digest_hex(digest));
        r = taken = lock_cache(a, path);
        /* A shared one that is locked exclusively by another step is waited for by no copy. */
    }
    r = r < 0 ? r : make_cache(a, path);
    int fd = r < 0 ? r : open_file(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0, a->err);
    if (fd < 0) {
        return fd;
    }
    (void)utimensat(AT_FDCWD, path, NULL, 0); /* for the least recently used to go first */
    return bind_fd(a, fd, m->target, m->writable);
}

static int add_tmpfs(struct adding *a)
{
    const struct run_mount *m = &a->step->mounts[a->index];
    CLEANUP(free) char *size = str_format("size=%lld", (long long)m->size_bytes);
    const char *const options[] = {"nosuid", "nodev", m->size_bytes ? size : NULL, NULL};
    add_mount(a, "tmpfs", "tmpfs", m->target, options);
    return 0;
}

static const struct secret *find_secret(const struct build *b, const char *id)
{
    for (size_t i = 0; i < b->secret_count; i++) {
        if (str_equal(b->secrets[i].id, id)) {
            return &b->secrets[i];
        }
    }
    return NULL;
}

static int write_file(struct adding *a, const char *path, const char *bytes, size_t len,
                      mode_t mode, uint32_t uid, uint32_t gid)
{
    CLEANUP(fd) int fd = open_file(AT_FDCWD, path, O_WRONLY | O_CREAT | O_EXCL, 0600, a->err);
    if (fd < 0) {
        return fd;
    }
    int r = write_all(fd, bytes, len);
    if (r < 0 || fchown(fd, uid, gid) < 0 || fchmod(fd, mode) < 0) {
        return error_set_errno(a->err, ERROR_KERNEL, r < 0 ? -r : errno, "writing '%s'", path);
    }
    return 0;
}

static int bind_own_file(struct adding *a, const char *path, const char *target)
{
    int fd = open_file(AT_FDCWD, path, O_PATH, 0, a->err);
    if (fd < 0) {
        return fd;
    }
    return bind_fd(a, fd, target, false);
}

/* On tmpfs alone, for as long as the step runs. */
static int add_secret(struct adding *a)
{
    const struct run_mount *m = &a->step->mounts[a->index];
    const struct secret *secret = find_secret(a->b, m->id);
    if (!secret) {
        int r = m->required
                    ? error_set(a->err, ERROR_NOT_FOUND, 0, "the secret '%s' is required", m->id)
                    : 0;
        return r < 0 ? error_hint(a->err, r, "build with --secret id=%s,src=FILE", m->id) : 0;
    }
    if (m->env) {
        struct spec_process *p = &a->spec->process;
        *arena_push(a->spec->arena, p->env, p->env_count) =
            arena_format(a->spec->arena, "%s=%s", m->env, secret->value);
    }
    if (!m->target) {
        return 0;
    }
    CLEANUP(free) char *path = own_path(a, "secret", false);
    int r = write_file(a, path, secret->value, secret->len,
                       m->mode >= 0 ? (mode_t)m->mode : SECRET_MODE, m->uid, m->gid);
    return r < 0 ? r : bind_own_file(a, path, m->target);
}

/* "default", "ID", "ID=SOCKET" of --ssh. The caller frees; NULL: not given. */
static char *ssh_socket(const struct build *b, const char *id)
{
    for (size_t i = 0; i < b->options->ssh.count; i++) {
        const char *text = b->options->ssh.items[i];
        size_t n = strcspn(text, "=");
        if (n == strlen(id) && strncmp(text, id, n) == 0) {
            return xstrdup(text[n] ? text + n + 1 : getenv("SSH_AUTH_SOCK"));
        }
    }
    return NULL;
}

static int add_ssh(struct adding *a)
{
    const struct run_mount *m = &a->step->mounts[a->index];
    CLEANUP(free) char *socket = ssh_socket(a->b, m->id);
    struct stat st;
    if (!socket) {
        int r = m->required
                    ? error_set(a->err, ERROR_NOT_FOUND, 0, "the SSH agent '%s' is required", m->id)
                    : 0;
        return r < 0 ? error_hint(a->err, r, "build with --ssh %s", m->id) : 0;
    }
    int r = stat(socket, &st) < 0 ? -errno : 0;
    if (r < 0 || !(S_ISSOCK(st.st_mode) || S_ISREG(st.st_mode))) {
        r = error_set_errno(a->err, ERROR_NOT_FOUND, r < 0 ? -r : EINVAL,
                            "--ssh: the agent's socket or the key '%s'", socket);
        return error_hint(a->err, r, "start ssh-agent, ssh-add the key, and give --ssh default");
    }
    if (S_ISREG(st.st_mode)) {
        CLEANUP(free) char *key = take_ptr(socket);
        socket = own_path(a, "agent", false);
        r = ssh_agent_with_key(key, socket, a->err);
        if (r < 0) {
            return r;
        }
    }
    CLEANUP(free) char *path = own_path(a, "ssh", false);
    r = ssh_relay(socket, path, m->mode >= 0 ? (mode_t)m->mode : 0600, m->uid, m->gid, a->err);
    if (r < 0) {
        return r;
    }
    struct spec_process *p = &a->spec->process;
    *arena_push(a->spec->arena, p->env, p->env_count) =
        arena_format(a->spec->arena, "SSH_AUTH_SOCK=%s", m->target);
    return bind_own_file(a, path, m->target);
}

static int add_script(struct adding *a)
{
    CLEANUP(free) char *path = str_format("%s/script", a->folder);
    int r = write_file(a, path, a->step->script, strlen(a->step->script), 0755, 0, 0);
    return r < 0 ? r : bind_own_file(a, path, a->step->args.items[0]);
}

int run_mounts_add(struct build *b, struct stage *s, struct build_step *step, const char *folder,
                   struct spec *spec, struct run_mounts **ret, struct error **err)
{
    static int (*const add[])(struct adding * a) = {[MOUNT_BIND] = add_bind,
                                                    [MOUNT_CACHE] = add_cache,
                                                    [MOUNT_TMPFS] = add_tmpfs,
                                                    [MOUNT_SECRET] = add_secret,
                                                    [MOUNT_SSH] = add_ssh};
    *ret = xcalloc(1, sizeof(**ret));
    struct adding a = {b, s, step, folder, spec, *ret, 0, err};
    int r = step->mount_count > MOUNTS_MAX
                ? error_set(err, ERROR_UNSUPPORTED, 0, "more than %d mounts", MOUNTS_MAX)
                : 0;
    for (; a.index < step->mount_count && r >= 0; a.index++) {
        r = add[step->mounts[a.index].kind](&a);
        if (r < 0) {
            return error_wrap(err, r, "RUN --mount");
        }
    }
    r = r >= 0 && step->script ? add_script(&a) : r;
    return r >= 0 && a.mounts->bind_count ? attach_binds(&a) : r;
}
