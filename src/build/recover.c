// SPDX-License-Identifier: Apache-2.0
/* Behind builds that were killed: <run_dir>/build/<id>/ whose lock is free. */
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

static void recover(const struct engine *e, int builds, const char *id)
{
    CLEANUP(free) char *lock_path = str_format("%s/lock", id);
    CLEANUP(fd) int lock = openat(builds, lock_path, O_RDWR | O_CLOEXEC);
    if (lock < 0 || lock_fd(lock, LOCK_EXCLUSIVE, false, NULL) < 0) {
        return; /* it lives, or has not begun */
    }
    CLEANUP(strv) struct strv steps = {0};
    IGNORE(list_folder(builds, id, &steps, NULL) < 0); /* then it is gone */
    for (size_t i = 0; i < steps.count; i++) {
        CLEANUP(free)
        char *wall = str_format("%s/build/%s/%s/wall", e->run_dir, id, steps.items[i]);
        if (access(wall, F_OK) == 0) {
            delete_workload(wall);
        }
    }
    network_recover(e, id);
    IGNORE(remove_tree(builds, id, NULL)); /* likewise */
}

void recover_builds(const struct engine *e)
{
    CLEANUP(free) char *path = str_format("%s/build", e->run_dir);
    CLEANUP(fd) int builds = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CLEANUP(strv) struct strv ids = {0};
    if (builds < 0 || list_folder(builds, ".", &ids, NULL) < 0) {
        return;
    }
    for (size_t i = 0; i < ids.count; i++) {
        recover(e, builds, ids.items[i]);
    }
}
