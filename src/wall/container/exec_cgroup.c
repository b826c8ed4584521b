// SPDX-License-Identifier: Apache-2.0
/* exec's --cgroup: groups below the workload's own, which exist already. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "wall/container/workload.h"

static bool leaves(const char *path)
{
    CLEANUP(strv) struct strv parts = {0};
    strv_split(&parts, path, '/');
    return strv_contains(&parts, "..");
}

/* Whether "cpu,memory" names a controller of the group. */
static bool is_named(const struct cgroup_group *g, const char *names, size_t len)
{
    CLEANUP(free) char *text = xstrndup(names, len);
    CLEANUP(strv) struct strv parts = {0};
    strv_split(&parts, text, ',');
    for (int c = 0; c < CGROUP_CONTROLLER_COUNT; c++) {
        if (g->controllers & CGROUP_BIT(c) &&
            strv_contains(&parts, cgroup_controller_name(c, g->v2))) {
            return true;
        }
    }
    return false;
}

/* One "PATH", for each hierarchy that has such a group, or "CONTROLLER[,CONTROLLER…]:PATH". */
static int apply_one(struct arena *a, const char *wanted, struct cgroup_set *set,
                     struct error **err)
{
    const char *colon = strchr(wanted, ':'), *path = colon ? colon + 1 : wanted;
    bool found = false;
    if (leaves(path)) {
        return error_set(err, ERROR_USAGE, 0, "cgroup '%s' is not below the container's", wanted);
    }
    for (size_t i = 0; i < set->count; i++) {
        struct cgroup_group *g = &set->groups[i];
        const char *below = arena_format(a, "%s/%s", g->path, path);
        if (colon && !is_named(g, wanted, (size_t)(colon - wanted))) {
            continue;
        }
        if (access(below, F_OK) == 0) {
            g->path = below;
            found = true;
        }
    }
    return found ? 0
                 : error_set(err, ERROR_NOT_FOUND, 0, "the container has no cgroup '%s' below its",
                             wanted);
}

int exec_groups(struct arena *a, const struct strv *wanted, struct cgroup_set *set,
                struct error **err)
{
    int r = 0;
    for (size_t i = 0; wanted && i < wanted->count && r >= 0; i++) {
        r = apply_one(a, wanted->items[i], set, err);
    }
    return r;
}
