// SPDX-License-Identifier: Apache-2.0
#include "engine/recover.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "engine/container_json.h"
#include "engine/events.h"
#include "engine/volumes.h"
#include "engine/writable.h"
#include "net/net.h"
#include "wall/wall.h"

#define KILLED_EXIT_CODE 137 /* 128 + SIGKILL: what became of the workload */
#define KILLED_EXIT_TEXT "137"

/* The caller holds the store's exclusive lock, so nobody is between mkdir and the lock. */
static void sweep_one(const struct engine *e, const char *id)
{
    CLEANUP(free) char *json = container_data_path(e, id, "container.json");
    CLEANUP(free) char *folder = container_data_path(e, id, NULL);
    CLEANUP(free) char *run = container_run_path(e, id, NULL);
    struct stat st;
    int lock = container_lock(e, id, false, NULL);
    CLEANUP(fd) int held = lock < 0 ? -1 : lock;
    if (lock < 0 && lock != -ENOENT) {
        return;
    }
    if (stat(json, &st) < 0 ? errno == ENOENT : st.st_size == 0) {
        writable_release(folder);
        IGNORE(remove_tree(AT_FDCWD, run, NULL) < 0);    /* the next sweep tries again */
        IGNORE(remove_tree(AT_FDCWD, folder, NULL) < 0); /* likewise */
    }
}

void container_sweep(const struct engine *e)
{
    CLEANUP(free) char *path = str_format("%s/containers", e->data_dir);
    CLEANUP(dir) DIR *dir = opendir(path);
    if (!dir || lock_fd(dirfd(dir), LOCK_EXCLUSIVE, false, NULL) < 0) {
        return; /* somebody is making a container: another time */
    }
    struct dirent *d;
    while ((d = readdir(dir))) {
        CLEANUP(free) char *json = container_data_path(e, d->d_name, "container.json");
        struct stat st;
        if (strlen(d->d_name) == CONTAINER_ID_DIGITS && (stat(json, &st) < 0 || st.st_size == 0)) {
            sweep_one(e, d->d_name);
        }
    }
    container_sweep_names(e); /* last: a name whose folder is gone is nobody's */
}

static int delete_workload(const struct engine *e, const struct container *c, struct error **err)
{
    CLEANUP(free) char *state_dir = container_run_path(e, c->id, "wall");
    CLEANUP(error) struct error *mine = NULL;
    const struct wall_ops *wall;
    struct workload *w = NULL;
    int r = wall_find(c->wall, &wall, err);
    if (r < 0) {
        return r;
    }
    r = wall->open(state_dir, &w, &mine);
    if (r == -ENOENT) {
        return 0; /* the wall writes its record before it makes anything */
    }
    return r < 0 ? error_move(err, &mine, r) : wall->delete (w, err);
}

static int record_killed(const struct engine *e, const struct container *c, struct error **err)
{
    char when[TIME_TEXT_BYTES];
    time_now_text(when);
    struct container end = *c;
    end.exit_code = KILLED_EXIT_CODE;
    end.error = "its monitor was killed";
    end.finished = when;
    return container_save_exit(e, &end, err);
}

int container_recover_locked(const struct engine *e, const struct container *c, bool *ret_gone,
                             struct error **err)
{
    *ret_gone = false;
    struct net_request q = {.place = {e->run_dir, e->data_dir, e->config_path}, .id = c->id};
    int r = delete_workload(e, c, err);
    if (r >= 0) {
        r = net_recover(&q, err);
    }
    if (r >= 0 && c->started) {
        r = record_killed(e, c, err);
        event_write(e, c, "die", json_pack("{s:s}", "exitCode", KILLED_EXIT_TEXT));
    }
    if (r >= 0 && (c->fresh || c->remove)) {
        *ret_gone = true;
        r = container_dispose(e, c, true, err);
    }
    if (r < 0) {
        return error_wrap(err, r, "cleaning up behind the killed monitor of '%s'", c->name);
    }
    return container_clear_run(e, c->id, err);
}

int container_recover(const struct engine *e, const struct container *c, bool *ret_gone,
                      struct error **err)
{
    *ret_gone = false;
    CLEANUP(container) struct container *now = NULL;
    CLEANUP(fd) int lock = container_hold(e, c->id, &now, err);
    if (lock < 0) {
        return lock;
    }
    if (now->status != CONTAINER_DEAD) { /* another command was faster */
        return 0;
    }
    return container_recover_locked(e, now, ret_gone, err);
}

void container_recover_all(const struct engine *e)
{
    struct container **list = NULL;
    size_t count = 0;
    if (container_list(e, &list, &count, NULL) == 0) { /* which recovers on the way */
        container_list_free(list, count);
    }
}

int container_find_recovered(const struct engine *e, const char *name, struct container **ret,
                             struct error **err)
{
    CLEANUP(container) struct container *c = NULL;
    bool gone = false;
    int r = container_find(e, name, &c, err);
    if (r == 0 && c->status == CONTAINER_DEAD) {
        r = container_recover(e, c, &gone, err);
        if (r == 0 && gone) {
            return error_set(err, ERROR_NOT_FOUND, 0, "no such container: %s", name);
        }
        CLEANUP(free) char *id = xstrdup(c->id);
        container_free(take_ptr(c));
        return r < 0 ? r : container_load(e, id, ret, err);
    }
    if (r == 0) {
        *ret = take_ptr(c);
    }
    return r;
}

int container_dispose(const struct engine *e, const struct container *c, bool volumes,
                      struct error **err)
{
    int r = volumes ? volumes_remove_anonymous(e, c, err) : 0;
    if (r == 0) {
        r = container_remove(e, c, err);
    }
    if (r == 0) {
        event_write(e, c, "destroy", NULL);
    }
    return r;
}
