// SPDX-License-Identifier: Apache-2.0
/* Making, removing and naming containers in the store: the order of the steps is what makes a kill
 * at any of them harmless (container.h says what each leaves). */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "engine/container_json.h"
#include "engine/writable.h"

#define NAME_TRIES 10       /* each against another command that took the name in between */
#define NAME_MAX_LENGTH 128 /* the wall's own limit of an id, and well below NAME_MAX */

int container_name_check(const char *name, struct error **err)
{
    static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    bool good = *name && strchr(first, *name) && name[1];
    for (const char *p = name; good && *p; p++) {
        good = strchr(first, *p) || strchr("_.-", *p);
    }
    if (!good) {
        return error_set(err, ERROR_USAGE, 0,
                         "invalid container name '%s': only [a-zA-Z0-9][a-zA-Z0-9_.-]+ is allowed",
                         name);
    }
    if (strlen(name) > NAME_MAX_LENGTH) {
        return error_set(err, ERROR_USAGE, 0,
                         "invalid container name '%s': it is longer than %d characters", name,
                         NAME_MAX_LENGTH);
    }
    return 0;
}

int container_lock(const struct engine *e, const char *id, bool wait, struct error **err)
{
    CLEANUP(free) char *path = container_data_path(e, id, "lock");
    CLEANUP(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        return error_set(err, ERROR_NOT_FOUND, ENOENT, "no such container: %.12s", id);
    }
    if (fd < 0) {
        return error_set_errno(err, errno == EACCES ? ERROR_DENIED : ERROR_KERNEL, errno,
                               "opening the container's lock '%s'", path);
    }
    int r = lock_fd(fd, LOCK_EXCLUSIVE, wait, err);
    if (r < 0) {
        return error_wrap(err, r, "container '%.12s'", id);
    }
    struct stat st;
    if (fstat(fd, &st) < 0 || st.st_nlink == 0) { /* removed while we waited */
        return error_set(err, ERROR_NOT_FOUND, 0, "no such container: %.12s", id);
    }
    return take_fd(&fd);
}

int container_hold(const struct engine *e, const char *id, struct container **ret,
                   struct error **err)
{
    CLEANUP(fd) int lock = container_lock(e, id, true, err);
    int r = lock < 0 ? lock : container_load(e, id, ret, err);
    return r < 0 ? r : take_fd(&lock);
}

/* Where a name points to, as an ID; NULL when it is free. */
static char *name_owner(const char *link)
{
    char target[128];
    ssize_t n = readlink(link, target, sizeof(target) - 1);
    if (n <= 0) {
        return NULL;
    }
    target[n] = '\0';
    const char *slash = strrchr(target, '/');
    return xstrdup(slash ? slash + 1 : target);
}

/* A name belongs to nobody when its container has no container.json or another name in it, and
 * nobody holds the lock to change that. */
static bool name_is_stale(const struct engine *e, const char *name, const char *owner)
{
    CLEANUP(container) struct container *c = NULL;
    int r = container_load(e, owner, &c, NULL);
    if (r != -ENOENT && (r < 0 || str_equal(c->name, name))) {
        return false;
    }
    int fd = container_lock(e, owner, false, NULL);
    fd_close(fd < 0 ? -1 : fd);
    return fd >= 0 || fd == -ENOENT;
}

/* Frees a name that belongs to nobody; true when it did, or somebody was faster. Who does so looks
 * and unlinks under a lock of the folder: else of two, the slower one would take away the name that
 * the faster one has given anew. */
static bool name_free_stale(const struct engine *e, const char *name)
{
    CLEANUP(free) char *names = str_format("%s/names", e->data_dir);
    CLEANUP(free) char *link = str_format("%s/%s", names, name);
    CLEANUP(fd) int fd = open(names, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || lock_fd(fd, LOCK_EXCLUSIVE, true, NULL) < 0) {
        return false;
    }
    CLEANUP(free) char *owner = name_owner(link);
    return !owner || (name_is_stale(e, name, owner) && unlink(link) == 0);
}

void container_sweep_names(const struct engine *e)
{
    CLEANUP(free) char *names = str_format("%s/names", e->data_dir);
    CLEANUP(dir) DIR *dir = opendir(names);
    struct dirent *d;
    while (dir && (d = readdir(dir))) {
        CLEANUP(free) char *link = str_format("%s/%s", names, d->d_name);
        CLEANUP(free) char *owner = name_owner(link);
        if (owner && name_is_stale(e, d->d_name, owner)) {
            IGNORE(name_free_stale(e, d->d_name)); /* the next sweep tries again */
        }
    }
}

static int name_in_use(const struct engine *e, const char *name, struct error **err)
{
    CLEANUP(free) char *link = str_format("%s/names/%s", e->data_dir, name);
    CLEANUP(free) char *owner = name_owner(link);
    int r = error_set(err, ERROR_EXISTS, 0, "the name '%s' is in use by the container %.12s", name,
                      str_or(owner, "that was just removed"));
    return error_hint(err, r, "remove or rename that one, or choose another name");
}

static int name_take(const struct engine *e, const char *name, const char *id, struct error **err)
{
    CLEANUP(free) char *link = str_format("%s/names/%s", e->data_dir, name);
    CLEANUP(free) char *target = str_format("../containers/%s", id);
    for (int tries = 0; tries < NAME_TRIES; tries++) {
        if (symlink(target, link) == 0) {
            return 0;
        }
        CLEANUP(free) char *owner = errno == EEXIST ? name_owner(link) : NULL;
        if (errno == ENOENT) {
            CLEANUP(free) char *names = str_format("%s/names", e->data_dir);
            int r = mkdir_all(names, 0711, err);
            if (r < 0) {
                return r;
            }
        } else if (errno != EEXIST) {
            return error_set_errno(err, ERROR_KERNEL, errno, "making the name '%s'", name);
        } else if (str_equal(owner, id)) {
            return 0; /* a rename to it was killed half way */
        } else if (!name_free_stale(e, name)) {
            return name_in_use(e, name, err);
        }
    }
    return error_set(err, ERROR_BUSY, 0, "the name '%s' is being taken by another command", name);
}

static void name_release(const struct engine *e, const char *name, const char *id)
{
    CLEANUP(free) char *link = str_format("%s/names/%s", e->data_dir, name);
    CLEANUP(free) char *owner = name_owner(link);
    if (str_equal(owner, id)) {
        (void)unlink(link); /* a leftover is stale and goes with the next sweep */
    }
}

/* The folder and its lock, made under a shared lock of the store that keeps the sweep away from a
 * folder whose own lock is not yet taken. */
static int make_folder(const struct engine *e, const char *id, struct error **err)
{
    CLEANUP(free) char *store = str_format("%s/containers", e->data_dir);
    CLEANUP(free) char *folder = container_data_path(e, id, NULL);
    CLEANUP(free) char *lock = container_data_path(e, id, "lock");
    CLEANUP(fd) int fd = open(store, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = 0;
    if (fd < 0) {
        r = mkdir_all(store, 0711, err);
        if (r == 0) {
            r = fd = open_file(AT_FDCWD, store, O_RDONLY | O_DIRECTORY, 0, err);
        }
    }
    if (r >= 0) {
        r = lock_fd(fd, LOCK_SHARED, true, err);
    }
    if (r < 0) {
        return r;
    }
    if (mkdir(folder, 0711) < 0) {
        return error_set_errno(err, errno == EACCES ? ERROR_DENIED : ERROR_KERNEL, errno,
                               "making the folder '%s'", folder);
    }
    return lock_file(AT_FDCWD, lock, LOCK_EXCLUSIVE, true, err);
}

int container_reserve(const struct engine *e, const struct container *c, struct error **err)
{
    CLEANUP(fd) int lock = make_folder(e, c->id, err);
    if (lock < 0) {
        return lock;
    }
    int r = name_take(e, c->name, c->id, err);
    if (r < 0) {
        CLEANUP(free) char *folder = container_data_path(e, c->id, NULL);
        IGNORE(remove_tree(AT_FDCWD, folder, NULL) < 0); /* the next sweep takes what is left */
        return r;
    }
    return take_fd(&lock);
}

int container_remove(const struct engine *e, const struct container *c, struct error **err)
{
    CLEANUP(free) char *json = container_data_path(e, c->id, "container.json");
    CLEANUP(free) char *folder = container_data_path(e, c->id, NULL);
    CLEANUP(free) char *volatile_folder = container_run_path(e, c->id, NULL);
    if (unlink(json) < 0 && errno != ENOENT) {
        return error_set_errno(err, ERROR_KERNEL, errno, "removing '%s'", json);
    }
    name_release(e, c->name, c->id);
    int r = remove_tree(AT_FDCWD, volatile_folder, err);
    if (r < 0) {
        return r;
    }
    writable_leave(e, c);
    writable_release(folder);
    return remove_tree(AT_FDCWD, folder, err);
}

int container_save_exit(const struct engine *e, const struct container *c, struct error **err)
{
    CLEANUP(json) json_t *json = container_exit_to_json(c);
    CLEANUP(free) char *path = container_data_path(e, c->id, "exit.json");
    CLEANUP(free) char *instead = container_run_path(e, c->id, "exit.json");
    int r = json_save_path(AT_FDCWD, path, json, 0600, false, NULL);
    return r < 0 ? json_save_path(AT_FDCWD, instead, json, 0600, false, err) : 0;
}

int container_clear_run(const struct engine *e, const char *id, struct error **err)
{
    CLEANUP(free) char *folder = container_run_path(e, id, NULL);
    CLEANUP(free) char *kept = container_run_path(e, id, "exit.json");
    if (access(kept, F_OK) < 0) {
        return remove_tree(AT_FDCWD, folder, err);
    }
    CLEANUP(fd) int fd = open_file(AT_FDCWD, folder, O_RDONLY | O_DIRECTORY, 0, err);
    CLEANUP(strv) struct strv names = {0};
    int r = fd < 0 ? fd : list_folder_whole(fd, ".", &names, err);
    for (size_t i = 0; r >= 0 && i < names.count; i++) {
        r = str_equal(names.items[i], "exit.json") ? 0 : remove_tree(fd, names.items[i], err);
    }
    return r;
}

int container_rename(const struct engine *e, struct container *c, const char *name,
                     struct error **err)
{
    int r = container_name_check(name, err);
    if (r == 0) {
        r = name_take(e, name, c->id, err);
    }
    if (r < 0) {
        return r;
    }
    char *old = c->name;
    c->name = xstrdup(name);
    r = container_save(e, c, err);
    if (r < 0) {
        name_release(e, name, c->id);
        free(c->name);
        c->name = old;
        return r;
    }
    name_release(e, old, c->id);
    free(old);
    return 0;
}
