// SPDX-License-Identifier: Apache-2.0
/* The groups, their limits, and what the parent does on the host before and beside the clone. */
#include "wall/container/cgroup.h"
#include "wall/container/plan_parts.h"

int plan_layout(struct planning *g, struct error **err)
{
    if (g->layout) {
        return 0;
    }
    struct cgroup_layout *layout = arena_alloc(g->plan->arena, sizeof(*layout));
    g->layout = layout;
    return cgroup_layout_read(g->plan->arena, layout, err);
}

static int plan_cgroups(struct planning *g, struct error **err)
{
    struct plan *p = g->plan;
    int r = plan_layout(g, err);
    if (r < 0) {
        return r;
    }
    p->cgroups = arena_alloc(p->arena, sizeof(*p->cgroups));
    if (g->params->no_cgroups) {
        p->cgroups->set.unified = -1;
        return 0;
    }
    r = cgroup_plan(p->arena, g->spec, p->id, g->params->systemd_cgroup, g->layout, p->cgroups,
                    err);
    if (r < 0) {
        return r;
    }
    if (p->cgroups->scope) {
        plan_add(p, STEP_SCOPE);
    }
    for (size_t i = 0; i < p->cgroups->set.count; i++) {
        plan_add(p, STEP_CGROUP)->index = i;
    }
    for (size_t i = 0; i < p->cgroups->write_count; i++) {
        plan_add(p, STEP_CGROUP_WRITE)->index = i;
    }
    if (p->cgroups->device_count) {
        plan_add(p, STEP_CGROUP_DEVICES);
    }
    return 0;
}

int plan_resources(struct planning *g, struct error **err)
{
    struct plan *p = g->plan;
    const struct spec_linux *l = &g->spec->linux_;
    int r = plan_cgroups(g, err);
    if (r < 0) {
        return r;
    }
    if (l->rdt_set) {
        const struct step_rdt rdt = {
            .clos_id = arena_strdup(p->arena, str_or(l->rdt_clos_id, p->id)),
            .l3 = arena_strdup(p->arena, l->rdt_l3),
            .mem_bw = arena_strdup(p->arena, l->rdt_mem_bw),
            .made_here = !l->rdt_clos_id,
            .monitoring = l->rdt_monitoring,
        };
        plan_add(p, STEP_RDT)->rdt = rdt;
        plan_add(p, STEP_RDT_JOIN)->rdt = rdt;
    }
    for (size_t i = 0; i < l->net_device_count; i++) {
        plan_add(p, STEP_NET_DEVICE)->net_device = (struct step_net_device){
            arena_strdup(p->arena, l->net_devices[i].name),
            arena_strdup(p->arena, str_or(l->net_devices[i].new_name, l->net_devices[i].name)),
        };
    }
    return 0;
}
