// SPDX-License-Identifier: Apache-2.0
#include "oci/container.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/file.h"
#include "spec/user.h"

#define FACTS_BYTES_MAX ((size_t)16 << 20) /* annotations are as long as config.json has them */
#define ID_BYTES_MAX 128                   /* wall/wall.h */
static const char creating_name[] = "creating.json", created_name[] = "container.json";

const char *oci_status_name(enum oci_status s)
{
    static const char *const names[] = {"creating", "created", "running", "paused", "stopped"};
    return names[s];
}

int oci_id_check(const char *id, struct error **err)
{
    size_t len = strlen(id), good = 0;
    while (isalnum((unsigned char)id[good]) || (id[good] && strchr("_+.-", id[good]))) {
        good++;
    }
    if (!len) {
        return error_set(err, ERROR_USAGE, 0, "container id cannot be empty");
    }
    if (len > ID_BYTES_MAX) {
        return error_set(err, ERROR_USAGE, 0, "invalid container ID format: longer than %d bytes",
                         ID_BYTES_MAX);
    }
    if (good == len && id[0] != '.') {
        return 0;
    }
    int r = error_set(err, ERROR_USAGE, 0,
                      "invalid container ID format: invalid character '%c' in container ID '%s'",
                      id[0] == '.' ? '.' : id[good], id);
    return error_hint(err, r, "letters, digits and _+.- are allowed, a dot not first");
}

static struct oci_container *container_alloc(const struct oci_context *oci, const char *id)
{
    struct oci_container *c = xcalloc(1, sizeof(*c));
    c->oci = oci;
    c->id = xstrdup(id);
    c->dir = str_format("%s/%s", oci->root, id);
    c->fd = c->lock = -1;
    return c;
}

void oci_container_close(struct oci_container *c)
{
    if (c) {
        if (c->workload) {
            c->oci->wall->close(c->workload);
        }
        json_decref(c->facts);
        fd_close(c->lock);
        fd_close(c->fd);
        free(c->id);
        free(c->dir);
        free(c);
    }
}

static int not_there(const char *id, struct error **err)
{
    return error_set(err, ERROR_NOT_FOUND, 0, "container does not exist: '%s'", id);
}

void oci_container_unlock(struct oci_container *c)
{
    c->lock = fd_close(c->lock);
}

int oci_container_lock(struct oci_container *c, struct error **err)
{
    struct flock whole = {.l_type = F_WRLCK};
    struct stat st;
    c->lock = openat(c->fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (c->lock < 0 && errno == ENOENT) {
        return not_there(c->id, err); /* of a folder that is gone */
    }
    int r;
    do {
        r = c->lock < 0 || fcntl(c->lock, F_SETLKW, &whole) < 0 ? -errno : 0;
    } while (r == -EINTR);
    if (r < 0) {
        return error_set_errno(err, ERROR_KERNEL, -r, "locking '%s'", c->dir);
    }
    if (fstat(c->lock, &st) < 0 || st.st_nlink == 0) {
        return not_there(c->id, err); /* deleted while we waited */
    }
    return 0;
}

static int open_folder(struct oci_container *c, enum oci_access access, struct error **err)
{
    c->fd = open(c->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (c->fd < 0) {
        return errno == ENOENT || errno == ENOTDIR
                   ? not_there(c->id, err)
                   : error_set_errno(err, ERROR_KERNEL, errno, "opening '%s'", c->dir);
    }
    return access == OCI_CHANGE ? oci_container_lock(c, err) : 0;
}

/* The creation may end between two looks. Tells whether it has; -ENOENT: it has hardly begun. A
 * damaged file tells nothing, but is no reason not to delete the container. */
static int read_facts(struct oci_container *c, bool *ret_created)
{
    static const char *const names[] = {created_name, creating_name, created_name};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        int r = json_load_path(c->fd, names[i], FACTS_BYTES_MAX, &c->facts, NULL);
        if (r != -ENOENT) {
            c->facts = r < 0 ? json_object() : c->facts;
            *ret_created = names[i] == created_name;
            return 0;
        }
    }
    return -ENOENT;
}

static enum oci_status status_of(const struct oci_container *c)
{
    static const enum oci_status of_wall[] = {
        [WALL_CREATED] = OCI_CREATED,
        [WALL_RUNNING] = OCI_RUNNING,
        [WALL_PAUSED] = OCI_PAUSED,
        [WALL_STOPPED] = OCI_STOPPED,
    };
    return c->workload ? of_wall[c->oci->wall->state(c->workload)] : OCI_STOPPED;
}

void oci_container_refresh(struct oci_container *c)
{
    c->status = status_of(c);
    c->pid = c->status == OCI_STOPPED ? 0 : c->oci->wall->pid(c->workload);
}

/* Whether another process is making it: that one holds the lock. */
static bool is_being_made(const struct oci_container *c)
{
    struct flock whole = {.l_type = F_RDLCK};
    CLEANUP(fd) int fd = openat(c->fd, "lock", O_RDONLY | O_CLOEXEC);
    return c->lock < 0 && fd >= 0 && fcntl(fd, F_GETLK, &whole) == 0 && whole.l_type != F_UNLCK;
}

static void warn(void *context, const char *text)
{
    oci_log_warning(context, "%s", text);
}

int oci_container_open(const struct oci_context *oci, const char *id, enum oci_access access,
                       struct oci_container **ret, struct error **err)
{
    int r = oci_id_check(id, err);
    if (r < 0) {
        return r;
    }
    CLEANUP(oci_container) struct oci_container *c = container_alloc(oci, id);
    r = open_folder(c, access, err);
    if (r < 0) {
        return r;
    }
    bool created = false;
    if (read_facts(c, &created) < 0) {
        return not_there(id, err);
    }
    r = oci->wall->open(c->dir, &c->workload, created ? err : NULL);
    if (r < 0 && created) {
        return r;
    }
    if (c->workload) {
        oci->wall->set_warning(c->workload, warn, oci->log);
    }
    oci_container_refresh(c);
    if (!created && is_being_made(c)) {
        c->status = OCI_CREATING;
    }
    *ret = take_ptr(c);
    return 0;
}

static int exists(const char *id, struct error **err)
{
    return error_set(err, ERROR_EXISTS, 0, "container with given ID already exists: '%s'", id);
}

static int make_folder(struct oci_container *c, struct error **err)
{
    int r = mkdir(c->dir, 0711) < 0 ? -errno : 0;
    if (r == -ENOENT) {
        r = mkdir_all(c->oci->root, 0711, err);
        if (r < 0) {
            return r;
        }
        r = mkdir(c->dir, 0711) < 0 ? -errno : 0;
    }
    if (r == -EEXIST) {
        return exists(c->id, err);
    }
    if (r < 0) {
        return error_set_errno(err, ERROR_KERNEL, -r, "making the state folder '%s'", c->dir);
    }
    c->fd = open_file(AT_FDCWD, c->dir, O_RDONLY | O_DIRECTORY, 0, err);
    return c->fd < 0 ? c->fd : oci_container_lock(c, err);
}

int oci_container_new(const struct oci_context *oci, const char *id, json_t *facts_take,
                      const char *config, size_t config_len, struct oci_container **ret,
                      struct error **err)
{
    CLEANUP(oci_container) struct oci_container *c = container_alloc(oci, id);
    c->facts = facts_take;
    int r = make_folder(c, err);
    if (r < 0) {
        return r;
    }
    r = json_save_path(c->fd, creating_name, c->facts, 0600, false, err);
    if (r >= 0) {
        r = file_write_atomic(c->fd, "config.json", config, config_len, 0600, FILE_NO_SYNC, err);
    }
    if (r < 0) {
        IGNORE(oci_container_remove(c, NULL)); /* the first error is what counts */
        return r;
    }
    *ret = take_ptr(c);
    return 0;
}

int oci_container_commit(struct oci_container *c, struct error **err)
{
    return renameat(c->fd, creating_name, c->fd, created_name) < 0
               ? error_set_errno(err, ERROR_KERNEL, errno, "writing the state in '%s'", c->dir)
               : 0;
}

int oci_container_remove(struct oci_container *c, struct error **err)
{
    return remove_tree(AT_FDCWD, c->dir, err);
}

int oci_container_delete(struct oci_container *c, struct error **err)
{
    int r = c->workload ? c->oci->wall->delete (c->workload, err) : 0;
    if (r < 0) {
        return r;
    }
    c->workload = NULL; /* delete has freed it */
    return oci_container_remove(c, err);
}

/* "root", or "#1000" where the accounts have no name for the number. */
static char *owner_name(uid_t uid)
{
    CLEANUP(free) char *accounts = NULL;
    if (file_read(AT_FDCWD, "/etc/passwd", (size_t)4 << 20, &accounts, NULL, NULL) >= 0) {
        char *name = user_name_of(accounts, uid);
        if (name) {
            return name;
        }
    }
    return str_format("#%u", uid);
}

json_t *oci_container_state(const struct oci_container *c)
{
    static const char *const copied[] = {"bundle", "rootfs", "created", "annotations"};
    struct stat st = {0};
    (void)fstat(c->fd, &st); /* an open folder */
    CLEANUP(free) char *owner = owner_name(st.st_uid);
    const char *version = json_string_value(json_object_get(c->facts, "ociVersion"));
    json_t *o = json_pack("{s:s,s:s,s:i,s:s}", "ociVersion", str_or(version, "1.2.1"), "id", c->id,
                          "pid", (int)c->pid, "status", oci_status_name(c->status));
    for (size_t i = 0; i < ARRAY_SIZE(copied); i++) {
        json_t *value = json_object_get(c->facts, copied[i]);
        if (value) {
            (void)json_object_set(o, copied[i], value); /* memory: aborts */
        }
    }
    (void)json_object_set_new(o, "owner", json_string(owner));
    return o;
}

int oci_container_pidfd(const struct oci_container *c)
{
    int fd = c->pid > 0 ? (int)syscall(SYS_pidfd_open, c->pid, 0) : -1;
    if (fd >= 0 && c->oci->wall->pid(c->workload) != c->pid) {
        return fd_close(fd); /* ended before it was opened: the number may be another's */
    }
    return fd;
}
