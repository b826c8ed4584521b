// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/json.h"
#include "wall/container/cgroup_convert.h"
#include "wall/container/cgroup_files.h"
#include "wall/container/scope.h"

/* A limit of -1 or an unreadable one is the largest. */
static uint64_t height(int64_t limit)
{
    return limit < 0 ? UINT64_MAX : (uint64_t)limit;
}

/* v1 keeps limit <= memory+swap at every moment: raised together, swap goes first. */
static bool swap_goes_first(const struct cgroup_group *g, const struct spec_resources *r)
{
    if (g->v2 || !r->memory_limit.set || !r->memory_swap.set) {
        return false;
    }
    int64_t swap = cgroup_file_number(g->path, "memory.memsw.limit_in_bytes");
    return height(r->memory_limit.value) > height(swap);
}

/* v1 checks the quota against the period at every write: when both change, the one that makes the
 * share of a CPU smaller goes first. The kernel refuses a child above its parent alone. */
static bool quota_goes_first(const struct cgroup_group *g, const struct spec_resources *r)
{
    if (g->v2 || !r->cpu_quota_us.set || !r->cpu_period_us.set) {
        return false;
    }
    int64_t period = cgroup_file_number(g->path, "cpu.cfs_period_us");
    return period > 0 && height(period) > r->cpu_period_us.value;
}

static void swap_order(struct cgroup_plan *p, const char *first, const char *second)
{
    size_t i = 0, k = 0;
    while (i < p->write_count && !str_equal(p->writes[i].file, first)) {
        i++;
    }
    while (k < p->write_count && !str_equal(p->writes[k].file, second)) {
        k++;
    }
    if (i < p->write_count && k < p->write_count) {
        struct cgroup_write w = p->writes[i];
        p->writes[i] = p->writes[k];
        p->writes[k] = w;
    }
}

static void order(struct cgroup_plan *p, const struct spec_resources *r)
{
    const struct cgroup_group *memory = cgroup_set_group(&p->set, CGROUP_MEMORY);
    const struct cgroup_group *cpu = cgroup_set_group(&p->set, CGROUP_CPU);
    if (memory && swap_goes_first(memory, r)) {
        swap_order(p, "memory.limit_in_bytes", "memory.memsw.limit_in_bytes");
    }
    if (cpu && quota_goes_first(cpu, r)) {
        swap_order(p, "cpu.cfs_period_us", "cpu.cfs_quota_us");
    }
}

/* checkBeforeUpdate: rather an error than the killing of what is running. */
static int check_usage(const struct cgroup_set *set, const struct spec_resources *r,
                       struct error **err)
{
    const struct cgroup_group *g = cgroup_set_group(set, CGROUP_MEMORY);
    if (!g || !r->memory_check_before_update.value || !r->memory_limit.set ||
        r->memory_limit.value < 0) {
        return 0;
    }
    int64_t usage = cgroup_file_number(g->path, g->v2 ? "memory.current" : "memory.usage_in_bytes");
    return usage > r->memory_limit.value
               ? error_set(err, ERROR_BUSY, EBUSY,
                           "the new memory limit %" PRId64 " is below the %" PRId64 " bytes in use",
                           r->memory_limit.value, usage)
               : 0;
}

/* v2 knows swap alone, the specification memory and swap together: with a new memory limit and no
 * word on swap, the swap that was allowed stays; with a word on swap alone, the limit is read. */
static void complete(const struct cgroup_set *set, struct spec_resources *r)
{
    const struct cgroup_group *g = cgroup_set_group(set, CGROUP_MEMORY);
    if (g && g->v2 && r->memory_swap.set && r->memory_swap.value >= 0 && !r->memory_limit.set) {
        r->memory_limit.value = cgroup_file_number(g->path, "memory.max");
        r->memory_limit.set = r->memory_limit.value >= 0;
    }
}

/* systemd first: what it refuses changes nothing, and on v1 its device rules are then replaced. */
static int tell_systemd(const struct cgroup_set *set, const char *scope,
                        const struct spec_resources *r, struct error **err)
{
    if (!scope) {
        return 0;
    }
    CLEANUP(json) json_t *properties = scope_properties(r, set);
    return scope_change(scope, properties, err);
}

int cgroup_update(const struct cgroup_set *set, const char *scope, const struct spec_resources *r,
                  struct error **err)
{
    CLEANUP(arena) struct arena *a = arena_new();
    struct cgroup_plan p = {.set = *set};
    struct spec_resources wanted = *r;
    int result = check_usage(set, r, err);
    if (result < 0) {
        return result;
    }
    complete(set, &wanted);
    result = cgroup_convert(a, &wanted, &p, err);
    result = result < 0 ? result : cgroup_plan_devices(a, &wanted, &p, err);
    result = result < 0 ? result : tell_systemd(set, scope, &wanted, err);
    if (result < 0) {
        return result;
    }
    order(&p, &wanted);
    for (size_t i = 0; i < p.write_count; i++) {
        result = cgroup_apply(&p, i, err);
        if (result < 0) {
            return result;
        }
    }
    return cgroup_apply_devices(&p, err);
}

int cgroup_widen(struct arena *a, const struct cgroup_set *set, const struct spec_resources *r,
                 struct cgroup_set *ret, struct error **err)
{
    struct cgroup_layout layout;
    *ret = *set;
    uint32_t missing = cgroup_resources_need(r);
    missing |= r->device_count && set->unified < 0 ? CGROUP_BIT(CGROUP_DEVICES) : 0;
    for (size_t i = 0; i < set->count; i++) {
        missing &= ~set->groups[i].controllers;
    }
    int result = missing ? cgroup_layout_read(a, &layout, err) : 0;
    if (!missing || result < 0 || !set->count) {
        return result;
    }
    const char *below = set->groups[0].path + strlen(set->groups[0].mount);
    for (size_t i = 0; i < layout.count; i++) {
        const struct cgroup_hierarchy *h = &layout.items[i];
        if (!(h->controllers & missing)) {
            continue;
        }
        if (h->v2 && ret->unified >= 0) {
            ret->groups[ret->unified].controllers |= h->controllers & missing;
        } else if (!h->v2 && ret->count < CGROUP_HIERARCHIES_MAX) {
            ret->groups[ret->count++] = (struct cgroup_group){
                .path = arena_format(a, "%s%s", h->mount, below),
                .mount = h->mount,
                .controllers = h->controllers,
            };
        }
        result = 1;
    }
    return result;
}
