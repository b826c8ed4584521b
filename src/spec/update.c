// SPDX-License-Identifier: Apache-2.0
/* What `update` changes of a spec: the limits that a request names, in the same words and with the
 * same checks as run's. */
#include "spec/from_image.h"

/* The largest memory+swap that --memory alone goes with: run's default, twice the memory. */
static bool is_default_swap(const struct spec_resources *r)
{
    return r->memory_limit.set && r->memory_swap.set && r->memory_limit.value > 0 &&
           r->memory_swap.value == 2 * r->memory_limit.value;
}

/* --memory and --memory-swap are checked as a pair: the one that is not named is the one in force.
 */
static int complete_memory(const struct spec_resources *old, struct run_request *q,
                           struct error **err)
{
    if (q->memory.set && !q->memory_swap.set && old->memory_swap.set && !is_default_swap(old)) {
        int64_t swap = old->memory_swap.value;
        if (swap > 0 && swap < q->memory.value) {
            int r = error_set(err, ERROR_USAGE, 0,
                              "--memory is above the limit of memory and swap, %lld bytes",
                              (long long)swap);
            return error_hint(err, r, "change --memory-swap too");
        }
        q->memory_swap = (struct option_integer){true, swap};
    }
    if (!q->memory.set && (q->memory_swap.set || q->memory_reservation.set) &&
        old->memory_limit.set) {
        q->memory = (struct option_integer){true, old->memory_limit.value};
        if (!q->memory_swap.set && old->memory_swap.set) {
            q->memory_swap = (struct option_integer){true, old->memory_swap.value};
        }
    }
    return 0;
}

#define TAKE(member)                                                                               \
    do {                                                                                           \
        if (from->member.set) {                                                                    \
            to->member = from->member;                                                             \
        }                                                                                          \
    } while (0)

/* A device that had a rate has another; 0 lifts it. */
static void merge_throttles(struct arena *a, struct spec_throttles *to,
                            const struct spec_throttles *from)
{
    for (size_t i = 0; i < from->count; i++) {
        const struct spec_throttle *t = &from->items[i];
        size_t k = 0;
        while (k < to->count &&
               (to->items[k].major != t->major || to->items[k].minor != t->minor)) {
            k++;
        }
        if (k == to->count) {
            (void)arena_push(a, to->items, to->count);
        }
        to->items[k] = *t;
    }
}

static void merge(struct arena *a, struct spec_resources *to, const struct spec_resources *from)
{
    TAKE(memory_limit);
    TAKE(memory_swap);
    TAKE(memory_reservation);
    TAKE(cpu_shares);
    TAKE(cpu_quota_us);
    TAKE(cpu_period_us);
    TAKE(cpu_realtime_runtime_us);
    TAKE(cpu_realtime_period_us);
    TAKE(pids_limit);
    TAKE(blkio_weight);
    merge_throttles(a, &to->read_bps, &from->read_bps);
    merge_throttles(a, &to->write_bps, &from->write_bps);
    merge_throttles(a, &to->read_iops, &from->read_iops);
    merge_throttles(a, &to->write_iops, &from->write_iops);
    to->cpus = from->cpus ? from->cpus : to->cpus;
    to->mems = from->mems ? from->mems : to->mems;
}

int spec_update(const struct run_request *request, const struct spec_environment *env,
                struct spec *spec, struct spec_resources *ret, struct error **err)
{
    CLEANUP(spec) struct spec *changes = spec_new();
    struct run_request q = *request; /* its lists are borrowed */
    struct building b = {.request = &q, .env = env, .spec = changes, .arena = spec->arena};
    int r = complete_memory(&spec->linux_.resources, &q, err);
    if (r >= 0) {
        r = build_cgroup_limits(&b, err);
    }
    if (r >= 0) {
        *ret = changes->linux_.resources;
        merge(spec->arena, &spec->linux_.resources, ret);
    }
    return r;
}
