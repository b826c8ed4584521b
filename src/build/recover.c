// SPDX-License-Identifier: Apache-2.0
/* Behind builds that were killed: <run_dir>/build/<id>/ whose lock is free; and, when no other
 * build is at work, what has no lock to tell whose it is. */
#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "build/network.h"
#include "build/prepare.h"
#include "wall/wall.h"

/* Every wall's record says whose it is: open() of another fails. */
static void delete_workload(const char *state_dir)
{
    static const struct wall_ops *const walls[] = {&wall_container, &wall_vm};
    for (size_t i = 0; i < ARRAY_SIZE(walls); i++) {
        struct workload *w = NULL;
        if (walls[i]->open(state_dir, &w, NULL) >= 0) {
            IGNORE(walls[i]->delete (w, NULL) < 0); /* the next one tries again */
            return;
        }
    }
}

void recover_step(const char *folder)
{
    CLEANUP(free) char *wall = str_format("%s/wall", folder);
    if (access(wall, F_OK) == 0) {
        delete_workload(wall);
    }
}

/* Those of a kill between a folder and its lock have none: they are for when nobody is at work. */
static void recover(const struct engine *e, int builds, const char *id, bool alone)
{
    CLEANUP(free) char *lock_path = str_format("%s/lock", id);
    CLEANUP(fd) int lock = openat(builds, lock_path, O_RDWR | O_CLOEXEC);
    if (lock < 0 ? !alone : lock_fd(lock, LOCK_EXCLUSIVE, false, NULL) < 0) {
        return; /* it lives, or has not begun */
    }
    CLEANUP(strv) struct strv steps = {0};
    IGNORE(list_folder(builds, id, &steps, NULL) < 0); /* then it is gone */
    for (size_t i = 0; i < steps.count; i++) {
        CLEANUP(free) char *step = str_format("%s/build/%s/%s", e->run_dir, id, steps.items[i]);
        recover_step(step);
    }
    network_recover(e, id);
    IGNORE(remove_tree(builds, id, NULL)); /* likewise */
}

/* What was being made beside the cache's own: "<mount>.build-<id>", and records' temporary names.
 */
static void sweep_cache(const struct engine *e)
{
    CLEANUP(free) char *records = str_format("%s/build/cache", e->data_dir);
    CLEANUP(free) char *mounts = str_format("%s/build/mounts", e->data_dir);
    CLEANUP(strv) struct strv names = {0};
    file_sweep_temporaries(AT_FDCWD, records, 0);
    IGNORE(list_folder(AT_FDCWD, mounts, &names, NULL) < 0); /* then there are none */
    for (size_t i = 0; i < names.count; i++) {
        CLEANUP(free) char *path = str_format("%s/%s", mounts, names.items[i]);
        if (strstr(names.items[i], ".build-")) {
            IGNORE(remove_tree(AT_FDCWD, path, NULL)); /* the next one tries again */
        }
    }
}

int recover_builds(const struct engine *e, struct error **err)
{
    CLEANUP(free) char *path = str_format("%s/build", e->run_dir);
    CLEANUP(strv) struct strv ids = {0};
    int r = mkdir_all(path, 0700, err);
    CLEANUP(fd) int builds = r < 0 ? -1 : open_file(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0, err);
    if (builds < 0) {
        return r < 0 ? r : builds;
    }
    bool alone = lock_fd(builds, LOCK_EXCLUSIVE, false, NULL) >= 0;
    IGNORE(list_folder(builds, ".", &ids, NULL) < 0); /* then nothing is left */
    for (size_t i = 0; i < ids.count; i++) {
        recover(e, builds, ids.items[i], alone);
    }
    if (alone) {
        sweep_cache(e);
    }
    r = lock_fd(builds, LOCK_SHARED, true, err);
    return r < 0 ? r : take_fd(&builds);
}
