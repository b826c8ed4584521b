// SPDX-License-Identifier: Apache-2.0
/* Kernel parameters, and what of /proc and /sys is read-only or hidden. */
#include "wall/container/plan_parts.h"

/* "net.ipv4.ip_forward" and "net/ipv4/conf/eth0.1/x": the first separator found is the separator,
 * the other one then stands for itself. */
static char *sysctl_file(struct arena *a, const char *key)
{
    char *path = arena_format(a, "sys/%s", key);
    bool dots = false, decided = false;
    for (char *c = path + 4; *c; c++) {
        if (*c != '.' && *c != '/') {
            continue;
        }
        if (!decided) {
            dots = *c == '.';
            decided = true;
        }
        if (dots) {
            *c = *c == '.' ? '/' : '.';
        }
    }
    return path;
}

void plan_paths(struct planning *g)
{
    struct plan *p = g->plan;
    const struct spec_linux *l = &g->spec->linux_;
    for (size_t i = 0; i < l->sysctl_count; i++) {
        plan_add(p, STEP_SYSCTL)->sysctl = (struct step_sysctl){
            .key = arena_strdup(p->arena, l->sysctl[i].key),
            .file = sysctl_file(p->arena, l->sysctl[i].key),
            .value = arena_strdup(p->arena, l->sysctl[i].value),
        };
    }
    for (size_t i = 0; i < l->readonly_path_count; i++) {
        plan_add(p, STEP_READONLY_PATH)->path.path =
            plan_clean_path(p->arena, l->readonly_paths[i]);
    }
    for (size_t i = 0; i < l->masked_path_count; i++) {
        plan_add(p, STEP_MASK)->path.path = plan_clean_path(p->arena, l->masked_paths[i]);
    }
}
