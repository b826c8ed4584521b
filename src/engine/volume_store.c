// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>

#include "engine/volume_internal.h"

#define ANONYMOUS_DIGITS 64
#define RECORD "volume.json"

char *volume_anonymous_name(void)
{
    return random_hex(ANONYMOUS_DIGITS / 2);
}

static bool is_anonymous(const char *name)
{
    return strlen(name) == ANONYMOUS_DIGITS && strspn(name, "0123456789abcdef") == ANONYMOUS_DIGITS;
}

static char *folder_of(const struct engine *e, const char *name)
{
    return str_format("%s/volumes/%s", e->data_dir, name);
}

int volume_discard(const char *temporary, int result)
{
    IGNORE(
        remove_tree(AT_FDCWD, temporary, NULL)); /* its name begins with a dot: it is no volume */
    return result;
}

/* Whoever has a folder under a temporary name in volumes/ holds a shared lock of that folder. */
static int lock_volumes(const struct engine *e, struct error **err)
{
    CLEANUP(free) char *path = str_format("%s/volumes", e->data_dir);
    int r = mkdir_all(path, 0755, err);
    CLEANUP(fd) int fd = r < 0 ? r : open_file(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0, err);
    r = fd < 0 ? fd : lock_fd(fd, LOCK_SHARED, true, err);
    return r < 0 ? r : take_fd(&fd);
}

/* Gives the lock up; the last one at work takes away what killed commands left half made or half
 * removed. */
static void unlock_volumes(int lock_take)
{
    CLEANUP(fd) int lock = lock_take;
    CLEANUP(strv) struct strv names = {0};
    if (lock_fd(lock, LOCK_EXCLUSIVE, false, NULL) < 0 ||
        list_folder_whole(lock, ".", &names, NULL) < 0) {
        return;
    }
    for (size_t i = 0; i < names.count; i++) {
        if (names.items[i][0] == '.') {
            IGNORE(remove_tree(lock, names.items[i], NULL) < 0); /* the next one tries again */
        }
    }
}

void volumes_sweep(const struct engine *e)
{
    CLEANUP(free) char *path = str_format("%s/volumes", e->data_dir);
    int lock = access(path, W_OK) < 0 ? -1 : lock_volumes(e, NULL);
    if (lock >= 0) {
        unlock_volumes(lock);
    }
}

static int write_record(const char *folder, const json_t *labels, struct error **err)
{
    char created[TIME_TEXT_BYTES];
    time_now_text(created);
    CLEANUP(free) char *path = str_format("%s/" RECORD, folder);
    CLEANUP(json) json_t *record = json_pack("{s:s, s:{}}", "created", created, "labels");
    if (labels) {
        json_object_set(record, "labels", (json_t *)labels);
    }
    return json_save_path(AT_FDCWD, path, record, 0600, false, err);
}

int volume_finish(const char *temporary, const char *folder, const json_t *labels,
                  struct error **err)
{
    int r = write_record(temporary, labels, err);
    if (r >= 0 && rename(temporary, folder) == 0) {
        return 0;
    }
    if (r >= 0 && errno != EEXIST && errno != ENOTEMPTY) {
        r = error_set_errno(err, ERROR_KERNEL, errno, "making '%s'", folder);
    }
    return volume_discard(temporary, r < 0 ? r : 0);
}

static int check_name(const char *name, struct error **err)
{
    if (volume_name_is_valid(name)) {
        return 0;
    }
    int r = error_set(err, ERROR_USAGE, 0, "'%s' is no name for a volume", name);
    return error_hint(err, r, "letters, digits, '_', '.', '-'; the first a letter or digit");
}

int volume_make(const struct engine *e, const char *name, const json_t *labels, struct error **err)
{
    CLEANUP(free) char *folder = folder_of(e, name);
    CLEANUP(free) char *tag = random_hex(6);
    CLEANUP(free) char *temporary = str_format("%s/volumes/.%s-%s", e->data_dir, name, tag);
    CLEANUP(free) char *data = str_format("%s/_data", temporary);
    int r = check_name(name, err);
    if (r < 0 || access(folder, F_OK) == 0) {
        return r;
    }
    int lock = lock_volumes(e, err);
    if (lock < 0) {
        return lock;
    }
    r = mkdir_all(data, 0755, err);
    r = r < 0 ? volume_discard(temporary, r) : volume_finish(temporary, folder, labels, err);
    unlock_volumes(lock);
    return r;
}

int volume_list(const struct engine *e, struct strv *ret, struct error **err)
{
    CLEANUP(free) char *path = str_format("%s/volumes", e->data_dir);
    return list_folder(AT_FDCWD, path, ret, err);
}

static int no_such_volume(const char *name, struct error **err)
{
    return error_set(err, ERROR_NOT_FOUND, 0, "no such volume: %s", name);
}

int volume_load(const struct engine *e, const char *name, struct volume *ret, struct error **err)
{
    CLEANUP(free) char *folder = folder_of(e, name);
    CLEANUP(free) char *data = str_format("%s/_data", folder);
    CLEANUP(free) char *path = str_format("%s/" RECORD, folder);
    CLEANUP(json) json_t *record = NULL;
    struct stat st;
    if (!volume_name_is_valid(name) || stat(data, &st) < 0) {
        return no_such_volume(name, err);
    }
    char made[TIME_TEXT_BYTES];
    const char *created = made;
    json_t *labels = NULL;
    time_text(&st.st_ctim, made);
    if (json_load_path(AT_FDCWD, path, (size_t)1 << 20, &record, NULL) >= 0) {
        int r = json_get_str(record, "created", path, &created, err);
        r = r < 0 ? r : json_get_object(record, "labels", path, &labels, err);
        if (r < 0) {
            return r;
        }
    }
    *ret = (struct volume){.name = xstrdup(name),
                           .path = take_ptr(data),
                           .created = xstrdup(created),
                           .labels = labels ? json_incref(labels) : json_object(),
                           .anonymous = is_anonymous(name)};
    return 0;
}

void volume_done(struct volume *v)
{
    free(v->name);
    free(v->path);
    free(v->created);
    json_decref(v->labels);
    *v = (struct volume){0};
}

static bool names_volume(const struct container *c, const char *prefix)
{
    for (size_t k = 0; k < c->volumes.count; k++) {
        if (str_starts(c->volumes.items[k], prefix)) {
            return true;
        }
    }
    return false;
}

/* Containers are only looked at: container_list() would recover the dead ones, maybe the very one
 * that the caller holds the lock of. */
int volume_users(const struct engine *e, const char *name, struct strv *ret, struct error **err)
{
    CLEANUP(free) char *path = str_format("%s/containers", e->data_dir);
    CLEANUP(free) char *prefix = str_format("%s:", name);
    CLEANUP(strv) struct strv ids = {0};
    int r = list_folder(AT_FDCWD, path, &ids, err);
    for (size_t i = 0; r >= 0 && i < ids.count; i++) {
        CLEANUP(container) struct container *c = NULL;
        if (container_load(e, ids.items[i], &c, NULL) == 0 && names_volume(c, prefix)) {
            strv_add(ret, c->id);
        }
    }
    return r;
}

/* Renamed away first: what is removed half is no volume. */
int volume_delete(const struct engine *e, const char *name, struct error **err)
{
    CLEANUP(free) char *folder = folder_of(e, name);
    CLEANUP(free) char *tag = random_hex(6);
    CLEANUP(free) char *temporary = str_format("%s/volumes/.%s-%s", e->data_dir, name, tag);
    int lock = lock_volumes(e, err), r = 0;
    if (lock < 0) {
        return lock;
    }
    if (rename(folder, temporary) == 0) {
        r = remove_tree(AT_FDCWD, temporary, err);
    } else if (errno != ENOENT) {
        r = error_set_errno(err, ERROR_KERNEL, errno, "removing '%s'", folder);
    }
    unlock_volumes(lock);
    return r;
}

int volume_remove(const struct engine *e, const char *name, struct error **err)
{
    CLEANUP(volume) struct volume v = {0};
    CLEANUP(strv) struct strv users = {0};
    int r = volume_load(e, name, &v, err);
    if (r >= 0) {
        r = volume_users(e, name, &users, err);
    }
    if (r >= 0 && users.count) {
        CLEANUP(free) char *ids = strv_join(&users, ", ");
        r = error_set(err, ERROR_BUSY, 0, "volume '%s' is in use by %s", name, ids);
        return error_hint(err, r, "remove the containers first");
    }
    return r < 0 ? r : volume_delete(e, name, err);
}
