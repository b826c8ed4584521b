// SPDX-License-Identifier: Apache-2.0
#include "engine/container.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "engine/container_json.h"
#include "engine/recover.h"
#include "net/net.h"

#define CONTAINER_JSON_MAX ((size_t)16 << 20) /* labels and environments can be long */

char *container_data_path(const struct engine *e, const char *id, const char *file)
{
    return file ? str_format("%s/containers/%s/%s", e->data_dir, id, file)
                : str_format("%s/containers/%s", e->data_dir, id);
}

char *container_run_path(const struct engine *e, const char *id, const char *file)
{
    return file ? str_format("%s/containers/%s/%s", e->run_dir, id, file)
                : str_format("%s/containers/%s", e->run_dir, id);
}

const char *container_status_name(enum container_status s)
{
    static const char *const names[] = {
        [CONTAINER_CREATED] = "created", [CONTAINER_RUNNING] = "running",
        [CONTAINER_PAUSED] = "paused",   [CONTAINER_RESTARTING] = "restarting",
        [CONTAINER_EXITED] = "exited",   [CONTAINER_DEAD] = "dead",
    };
    return names[s];
}

bool container_is_up(const struct container *c)
{
    return c->status == CONTAINER_RUNNING || c->status == CONTAINER_PAUSED ||
           c->status == CONTAINER_RESTARTING;
}

void container_free(struct container *c)
{
    if (!c) {
        return;
    }
    char *strings[] = {c->id,         c->name,         c->wall,           c->image,
                       c->image_id,   c->created,      c->restart_policy, c->stop_signal,
                       c->log_driver, c->network_mode, c->network_rate,   c->hostname,
                       c->error,      c->started,      c->finished,       c->health};
    for (size_t i = 0; i < ARRAY_SIZE(strings); i++) {
        free(strings[i]);
    }
    struct strv *lists[] = {&c->args, &c->layers,     &c->publish,     &c->volumes,  &c->anonymous,
                            &c->dns,  &c->dns_search, &c->dns_options, &c->add_hosts};
    for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
        strv_done(lists[i]);
    }
    json_decref(c->image_mounts);
    json_decref(c->request);
    json_decref(c->labels);
    json_decref(c->healthcheck);
    json_decref(c->health_log);
    json_decref(c->networks);
    json_decref(c->network);
    free(c);
}

bool container_is_monitored(const struct engine *e, const char *id)
{
    CLEANUP(free) char *path = container_run_path(e, id, "monitor.lock");
    CLEANUP(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd >= 0 && lock_fd(fd, LOCK_SHARED, false, NULL) == -EWOULDBLOCK;
}

/* Reads a JSON file that may be absent: 1 when read, 0 when there is none. */
static int load_optional(char *path_take, json_t **ret, struct error **err)
{
    CLEANUP(free) char *path = path_take;
    CLEANUP(error) struct error *e = NULL;
    int r = json_load_path(AT_FDCWD, path, CONTAINER_JSON_MAX, ret, &e);
    if (r == -ENOENT) {
        return 0;
    }
    return r < 0 ? error_move(err, &e, r) : 1;
}

/* The volatile members. The lock is asked after the state: a monitor that ends in between has
 * removed its state.json, so a second look finds the exit record and not a dead monitor. */
static int load_volatile(const struct engine *e, struct container *c, bool again,
                         struct error **err)
{
    CLEANUP(json) json_t *state = NULL, *last = NULL;
    int r = load_optional(container_run_path(e, c->id, "exit.json"), &last, err);
    if (r == 0) {
        r = load_optional(container_data_path(e, c->id, "exit.json"), &last, err);
    }
    if (r > 0) {
        c->status = CONTAINER_EXITED;
        r = container_exit_from_json(last, "exit.json", c, err);
    }
    if (r >= 0) {
        r = load_optional(container_run_path(e, c->id, "state.json"), &state, err);
    }
    if (r <= 0) {
        return r;
    }
    if (container_is_monitored(e, c->id)) {
        c->network = c->networks ? net_attachment_load(e->run_dir, c->id) : NULL;
        return container_state_from_json(state, "state.json", c, err);
    }
    if (again) {
        return load_volatile(e, c, false, err);
    }
    r = container_state_from_json(state, "state.json", c, err);
    c->status = CONTAINER_DEAD;
    c->exit_code = 137;
    free(c->error);
    c->error = xstrdup("its monitor was killed");
    return r;
}

int container_load(const struct engine *e, const char *id, struct container **ret,
                   struct error **err)
{
    CLEANUP(json) json_t *json = NULL;
    CLEANUP(container) struct container *c = xcalloc(1, sizeof(*c));
    CLEANUP(free) char *path = container_data_path(e, id, "container.json");
    struct stat st;
    if (stat(path, &st) < 0 || st.st_size == 0) {
        return error_set(err, ERROR_NOT_FOUND, 0, "no such container: %s", id);
    }
    int r = json_load_path(AT_FDCWD, path, CONTAINER_JSON_MAX, &json, err);
    if (r >= 0) {
        r = container_from_json(json, path, c, err);
    }
    if (r >= 0) {
        r = load_volatile(e, c, true, err);
    }
    if (r < 0) {
        return r;
    }
    *ret = take_ptr(c);
    return 0;
}

int container_save(const struct engine *e, const struct container *c, struct error **err)
{
    CLEANUP(json) json_t *json = container_to_json(c);
    CLEANUP(free) char *path = container_data_path(e, c->id, "container.json");
    return json_save_path(AT_FDCWD, path, json, 0600, false, err);
}

static bool is_hex(const char *s)
{
    return *s && s[strspn(s, "0123456789abcdef")] == '\0';
}

/* The one folder whose name starts with the prefix: NULL when there is none. */
static int find_prefix(const struct engine *e, const char *prefix, char **ret, struct error **err)
{
    CLEANUP(free) char *path = str_format("%s/containers", e->data_dir);
    CLEANUP(dir) DIR *dir = opendir(path);
    CLEANUP(free) char *found = NULL;
    struct dirent *d;
    while (dir && (d = readdir(dir))) {
        if (!str_starts(d->d_name, prefix)) {
            continue;
        }
        if (found) {
            return error_set(err, ERROR_USAGE, 0, "more than one container's ID starts with '%s'",
                             prefix);
        }
        found = xstrdup(d->d_name);
    }
    *ret = take_ptr(found);
    return 0;
}

static int no_such(const char *name, struct error **err)
{
    return error_set(err, ERROR_NOT_FOUND, 0, "no such container: %s", name);
}

/* Loads by an ID that may have gone meanwhile; the message names what the user wrote. */
static int load_named(const struct engine *e, const char *id, const char *name,
                      struct container **ret, struct error **err)
{
    CLEANUP(error) struct error *mine = NULL;
    int r = container_load(e, id, ret, &mine);
    if (r < 0 && mine->kind == ERROR_NOT_FOUND) {
        return no_such(name, err);
    }
    return r < 0 ? error_move(err, &mine, r) : 0;
}

int container_find(const struct engine *e, const char *name, struct container **ret,
                   struct error **err)
{
    if (!*name || strchr(name, '/') || *name == '.') {
        return no_such(name, err);
    }
    if (strlen(name) == CONTAINER_ID_DIGITS && is_hex(name)) {
        return load_named(e, name, name, ret, err);
    }
    CLEANUP(container) struct container *c = NULL;
    CLEANUP(free) char *link = str_format("%s/names/%s", e->data_dir, name);
    char target[128];
    ssize_t n = readlink(link, target, sizeof(target) - 1);
    if (n > 0) {
        target[n] = '\0';
        const char *slash = strrchr(target, '/');
        int r = load_named(e, slash ? slash + 1 : target, name, &c, err);
        if (r < 0 || str_equal(c->name, name)) {
            *ret = take_ptr(c);
            return r;
        }
    } /* else a rename is under way, or was killed: container.json says how it is called */
    if (n < 0 && errno == EACCES) { /* whether there is one this user cannot know */
        return error_set_errno(err, ERROR_DENIED, EACCES, "looking for container '%s' in '%s'",
                               name, e->data_dir);
    }
    CLEANUP(free) char *id = NULL;
    int r = is_hex(name) ? find_prefix(e, name, &id, err) : 0;
    if (r < 0) {
        return r;
    }
    return id ? load_named(e, id, name, ret, err) : no_such(name, err);
}

static int newest_first(const void *a, const void *b)
{
    const struct container *x = *(struct container *const *)a, *y = *(struct container *const *)b;
    return strcmp(str_or(y->created, ""), str_or(x->created, ""));
}

/* A container whose monitor was killed is cleaned up by whoever lists it first, as far as this user
 * may: it then shows how it ended. NULL when it is gone. */
static struct container *settled(const struct engine *e, struct container *c)
{
    bool gone = false;
    if (c->status != CONTAINER_DEAD || container_recover(e, c, &gone, NULL) < 0) {
        return c;
    }
    CLEANUP(free) char *id = xstrdup(c->id);
    container_free(c);
    c = NULL;
    return !gone && container_load(e, id, &c, NULL) == 0 ? c : NULL;
}

static size_t count_names(const struct engine *e)
{
    CLEANUP(free) char *path = str_format("%s/names", e->data_dir);
    CLEANUP(dir) DIR *dir = opendir(path);
    struct dirent *d;
    size_t count = 0;
    while (dir && (d = readdir(dir))) {
        count += d->d_name[0] != '.';
    }
    return count;
}

int container_list(const struct engine *e, struct container ***ret, size_t *ret_count,
                   struct error **err)
{
    CLEANUP(free) char *path = str_format("%s/containers", e->data_dir);
    CLEANUP(dir) DIR *dir = opendir(path);
    struct container **list = NULL;
    size_t count = 0, room = 0;
    bool half_made = false;
    struct dirent *d;
    if (!dir && errno != ENOENT) {
        return error_set_errno(err, errno == EACCES ? ERROR_DENIED : ERROR_KERNEL, errno,
                               "reading '%s'", path);
    }
    while (dir && (d = readdir(dir))) {
        struct container *c = NULL;
        if (strlen(d->d_name) != CONTAINER_ID_DIGITS || !is_hex(d->d_name)) {
            continue;
        }
        if (container_load(e, d->d_name, &c, NULL) < 0) {
            half_made = true;
            continue;
        }
        c = settled(e, c);
        if (!c) {
            continue;
        }
        if (count == room) {
            room = room ? 2 * room : 64;
            list = xrealloc(list, room * sizeof(*list));
        }
        list[count++] = c;
    }
    if (half_made || count_names(e) > count) {
        container_sweep(e);
    }
    if (count) {
        qsort(list, count, sizeof(*list), newest_first);
    }
    *ret = list;
    *ret_count = count;
    return 0;
}

void container_list_free(struct container **list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        container_free(list[i]);
    }
    free(list);
}

bool container_uses_image(const struct container *c, const char *image_id)
{
    size_t i;
    json_t *m;
    json_array_foreach(c->image_mounts, i, m)
    {
        if (str_equal(json_string_value(json_object_get(m, "id")), image_id)) {
            return true;
        }
    }
    return str_equal(c->image_id, image_id);
}
