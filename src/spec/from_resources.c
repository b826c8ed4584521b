// SPDX-License-Identifier: Apache-2.0
/* --memory, --cpus, --pids-limit, … → linux.resources, with Docker's rules between them; sysctls.
 */
#include <string.h>

#include "spec/cpu_list.h"
#include "spec/from_image.h"
#include "spec/validate.h"

#define MEMORY_BYTES_MIN (INT64_C(6) << 20) /* Docker's: less and nothing starts */
#define CPU_PERIOD_US 100000
#define CPU_QUOTA_US_MIN 1000 /* kernel/sched/core.c: min_cfs_quota_period */
#define CPU_PERIOD_US_MAX 1000000
#define CPU_SHARES_MIN 2
#define CPU_SHARES_MAX 262144
#define WEIGHT_MIN 10
#define WEIGHT_MAX 1000

static int wrong(struct error **err, const char *text)
{
    return error_set(err, ERROR_USAGE, 0, "%s", text);
}

/* A limit of 0 is none, as Docker has it. */
static int64_t wanted(struct option_integer o)
{
    return o.set ? o.value : 0;
}

static int check_memory(const struct run_request *q, struct error **err)
{
    int64_t limit = wanted(q->memory), swap = wanted(q->memory_swap);
    int64_t reservation = wanted(q->memory_reservation), swappiness = wanted(q->memory_swappiness);
    if (limit < 0 || reservation < 0 || swap < -1) {
        return wrong(err, "a memory limit cannot be negative");
    }
    if (limit && limit < MEMORY_BYTES_MIN) {
        return wrong(err, "--memory: the minimum memory limit is 6m");
    }
    if (reservation && reservation < MEMORY_BYTES_MIN) {
        return wrong(err, "--memory-reservation: the minimum is 6m");
    }
    if (limit && reservation > limit) {
        return wrong(err, "--memory-reservation is above --memory");
    }
    if (limit && swap > 0 && swap < limit) {
        int r = wrong(err, "--memory-swap is below --memory");
        return error_hint(err, r, "it is the sum of memory and swap; -1 is unlimited swap");
    }
    if (!limit && swap > 0) {
        return wrong(err, "--memory-swap needs --memory");
    }
    if (swappiness < -1 || swappiness > 100) {
        return wrong(err, "--memory-swappiness is outside 0 to 100");
    }
    if (wanted(q->kernel_memory)) {
        return error_set(err, ERROR_UNSUPPORTED, 0,
                         "--kernel-memory: Linux no longer has this limit");
    }
    return 0;
}

static int build_memory(struct building *b, struct error **err)
{
    const struct run_request *q = b->request;
    struct spec_resources *r = &b->spec->linux_.resources;
    int64_t limit = wanted(q->memory), swap = wanted(q->memory_swap);
    int e = check_memory(q, err);
    if (e < 0) {
        return e;
    }
    if (limit) {
        int64_t twice = limit > INT64_MAX / 2 ? INT64_MAX : limit * 2;
        r->memory_limit = (struct opt_i64){true, limit};
        r->memory_swap = (struct opt_i64){true, swap ? swap : twice};
    } else if (swap) {
        r->memory_swap = (struct opt_i64){true, swap};
    }
    if (wanted(q->memory_reservation)) {
        r->memory_reservation = (struct opt_i64){true, q->memory_reservation.value};
    }
    if (q->memory_swappiness.set && q->memory_swappiness.value >= 0) {
        r->memory_swappiness = (struct opt_u64){true, (uint64_t)q->memory_swappiness.value};
    }
    if (q->oom_kill_disable) {
        r->memory_disable_oom_killer = (struct opt_bool){true, true};
    }
    return 0;
}

static int check_cpu(const struct building *b, struct error **err)
{
    const struct run_request *q = b->request;
    int64_t cpus = wanted(q->cpus_thousandths), period = wanted(q->cpu_period);
    int64_t quota = wanted(q->cpu_quota), shares = wanted(q->cpu_shares);
    int count = b->env->host_cpu_count;
    if (cpus && (quota > 0 || period)) {
        return error_set(err, ERROR_USAGE, 0, "conflicting options: --cpus and --cpu-%s",
                         period ? "period" : "quota");
    }
    if (cpus && (cpus < 10 || (count && cpus > count * INT64_C(1000)))) {
        return error_set(err, ERROR_USAGE, 0,
                         "--cpus is outside 0.01 to %d.00: there are %d CPUs here", count, count);
    }
    if (period && (period < CPU_QUOTA_US_MIN || period > CPU_PERIOD_US_MAX)) {
        return wrong(err, "--cpu-period is outside 1000 to 1000000 microseconds");
    }
    if (quota < -1 || (quota > 0 && quota < CPU_QUOTA_US_MIN)) {
        return wrong(err, "--cpu-quota is below 1000 microseconds");
    }
    if (shares && (shares < CPU_SHARES_MIN || shares > CPU_SHARES_MAX)) {
        return wrong(err, "--cpu-shares is outside 2 to 262144");
    }
    if (wanted(q->cpu_rt_runtime) > wanted(q->cpu_rt_period) && wanted(q->cpu_rt_period)) {
        return wrong(err, "--cpu-rt-runtime is above --cpu-rt-period");
    }
    if (wanted(q->cpu_rt_runtime) < 0 || wanted(q->cpu_rt_period) < 0) {
        return wrong(err, "--cpu-rt-runtime and --cpu-rt-period cannot be negative");
    }
    return 0;
}

static int build_cpu(struct building *b, struct error **err)
{
    const struct run_request *q = b->request;
    struct spec_resources *r = &b->spec->linux_.resources;
    int e = check_cpu(b, err);
    if (e < 0) {
        return e;
    }
    if (wanted(q->cpus_thousandths)) {
        r->cpu_period_us = (struct opt_u64){true, CPU_PERIOD_US};
        r->cpu_quota_us =
            (struct opt_i64){true, q->cpus_thousandths.value * (CPU_PERIOD_US / 1000)};
    }
    if (wanted(q->cpu_period)) {
        r->cpu_period_us = (struct opt_u64){true, (uint64_t)q->cpu_period.value};
    }
    if (wanted(q->cpu_quota)) {
        r->cpu_quota_us = (struct opt_i64){true, q->cpu_quota.value};
    }
    if (wanted(q->cpu_shares)) {
        r->cpu_shares = (struct opt_u64){true, (uint64_t)q->cpu_shares.value};
    }
    if (wanted(q->cpu_rt_runtime)) {
        r->cpu_realtime_runtime_us = (struct opt_i64){true, q->cpu_rt_runtime.value};
    }
    if (wanted(q->cpu_rt_period)) {
        r->cpu_realtime_period_us = (struct opt_u64){true, (uint64_t)q->cpu_rt_period.value};
    }
    return 0;
}

static int build_cpuset(struct building *b, struct error **err)
{
    const struct {
        const char *flag, *what, *list, *available;
        const char **target;
    } sets[] = {
        {"--cpuset-cpus", "CPUs", b->request->cpuset_cpus, b->env->host_cpus,
         &b->spec->linux_.resources.cpus},
        {"--cpuset-mems", "memory nodes", b->request->cpuset_mems, b->env->host_mems,
         &b->spec->linux_.resources.mems},
    };
    for (size_t i = 0; i < ARRAY_SIZE(sets); i++) {
        if (!sets[i].list || !*sets[i].list) {
            continue;
        }
        if (!cpu_list_is_valid(sets[i].list)) {
            int r =
                error_set(err, ERROR_USAGE, 0, "%s: invalid list '%s'", sets[i].flag, sets[i].list);
            return error_hint(err, r, "such as 0-3 or 0,2");
        }
        if (sets[i].available && !cpu_list_contains(sets[i].available, sets[i].list)) {
            return error_set(err, ERROR_USAGE, 0, "%s %s: such %s are not there (this host has %s)",
                             sets[i].flag, sets[i].list, sets[i].what, sets[i].available);
        }
        *sets[i].target = arena_strdup(b->arena, sets[i].list);
    }
    return 0;
}

/* "PATH:NUMBER" with the device's numbers; `text` names the flag's value in messages. */
static int split_device(struct building *b, const char *flag, const char *text,
                        struct spec_device *ret, const char **ret_number, struct error **err)
{
    const char *colon = strrchr(text, ':');
    if (!colon || *text != '/') {
        return error_set(err, ERROR_USAGE, 0, "%s '%s' is not DEVICE-PATH:NUMBER", flag, text);
    }
    if (!b->env->devices) {
        return error_set(err, ERROR_UNSUPPORTED, 0, "%s '%s': no device can be looked up here",
                         flag, text);
    }
    struct spec_device *found = NULL;
    size_t count = 0;
    const char *path = arena_strndup(b->arena, text, (size_t)(colon - text));
    int r = b->env->devices(b->env->context, path, b->arena, &found, &count, err);
    if (r < 0) {
        return error_wrap(err, r, "%s", flag);
    }
    if (count != 1 || found->type != 'b') {
        return error_set(err, ERROR_USAGE, 0, "%s: '%s' is not a block device", flag, path);
    }
    *ret = *found;
    *ret_number = colon + 1;
    return 0;
}

static int add_weights(struct building *b, struct error **err)
{
    struct spec_resources *r = &b->spec->linux_.resources;
    const struct strv *list = &b->request->blkio_weight_device;
    for (size_t i = 0; i < list->count; i++) {
        struct spec_device d = {0};
        const char *number = "";
        int64_t weight = 0;
        int e = split_device(b, "--blkio-weight-device", list->items[i], &d, &number, err);
        if (e < 0) {
            return e;
        }
        if (str_to_i64(number, 10, &weight) < 0 || weight < WEIGHT_MIN || weight > WEIGHT_MAX) {
            return error_set(err, ERROR_USAGE, 0,
                             "--blkio-weight-device '%s': the weight is outside 10 to 1000",
                             list->items[i]);
        }
        *arena_push(b->arena, r->weight_devices, r->weight_device_count) =
            (struct spec_weight_device){
                .major = d.major, .minor = d.minor, .weight = {true, (uint32_t)weight}};
    }
    return 0;
}

static int add_throttles(struct building *b, const char *flag, const struct strv *list,
                         struct spec_throttles *target, struct error **err)
{
    bool bytes = str_ends(flag, "bps");
    for (size_t i = 0; i < list->count; i++) {
        struct spec_device d = {0};
        const char *number = "";
        int64_t rate = 0;
        int r = split_device(b, flag, list->items[i], &d, &number, err);
        if (r < 0) {
            return r;
        }
        int bad = bytes ? str_to_bytes(number, &rate) : str_to_i64(number, 10, &rate);
        if (bad < 0 || rate < 0) { /* 0: none, for update */
            return error_set(err, ERROR_USAGE, 0, "%s '%s': invalid rate '%s'", flag,
                             list->items[i], number);
        }
        *arena_push(b->arena, target->items, target->count) =
            (struct spec_throttle){d.major, d.minor, (uint64_t)rate};
    }
    return 0;
}

static int build_block(struct building *b, struct error **err)
{
    const struct run_request *q = b->request;
    struct spec_resources *r = &b->spec->linux_.resources;
    int64_t weight = wanted(q->blkio_weight);
    const struct {
        const char *flag;
        const struct strv *list;
        struct spec_throttles *target;
    } throttles[] = {
        {"--device-read-bps", &q->device_read_bps, &r->read_bps},
        {"--device-write-bps", &q->device_write_bps, &r->write_bps},
        {"--device-read-iops", &q->device_read_iops, &r->read_iops},
        {"--device-write-iops", &q->device_write_iops, &r->write_iops},
    };
    if (weight && (weight < WEIGHT_MIN || weight > WEIGHT_MAX)) {
        return wrong(err, "--blkio-weight is outside 10 to 1000");
    }
    if (weight) {
        r->blkio_weight = (struct opt_u32){true, (uint32_t)weight};
    }
    int e = add_weights(b, err);
    for (size_t i = 0; i < ARRAY_SIZE(throttles) && e >= 0; i++) {
        e = add_throttles(b, throttles[i].flag, throttles[i].list, throttles[i].target, err);
    }
    return e;
}

static void build_pids(struct building *b)
{
    int64_t limit = wanted(b->request->pids_limit);
    if (limit) {
        b->spec->linux_.resources.pids_limit = (struct opt_i64){true, limit < 0 ? -1 : limit};
    }
}

static void set_sysctl(struct building *b, struct spec_pair pair)
{
    struct spec_linux *l = &b->spec->linux_;
    for (size_t i = 0; i < l->sysctl_count; i++) {
        if (str_equal(l->sysctl[i].key, pair.key)) {
            l->sysctl[i] = pair;
            return;
        }
    }
    *arena_push(b->arena, l->sysctl, l->sysctl_count) = pair;
}

/* In a network of its own anybody may ping and listen below 1024, as with Docker. A group range
 * can only name mapped groups, so it stays closed in a user namespace. */
static int build_sysctls(struct building *b, struct error **err)
{
    const struct spec_namespace *net = spec_namespace_get(b->spec, SPEC_NS_NETWORK);
    if (net && !net->path) {
        if (!spec_namespace_get(b->spec, SPEC_NS_USER)) {
            set_sysctl(b, (struct spec_pair){"net.ipv4.ping_group_range", "0 2147483647"});
        }
        set_sysctl(b, (struct spec_pair){"net.ipv4.ip_unprivileged_port_start", "0"});
    }
    for (size_t i = 0; i < b->request->sysctls.count; i++) {
        const char *text = b->request->sysctls.items[i];
        if (*text == '=' || !strchr(text, '=')) {
            return error_set(err, ERROR_USAGE, 0, "--sysctl '%s' is not NAME=VALUE", text);
        }
        struct spec_pair pair = pair_split(b->arena, text);
        const char *why = sysctl_refusal(b->spec, pair.key);
        if (why) {
            return error_set(err, ERROR_USAGE, 0, "--sysctl '%s' %s", pair.key, why);
        }
        set_sysctl(b, pair);
    }
    return 0;
}

int build_cgroup_limits(struct building *b, struct error **err)
{
    static int (*const parts[])(struct building *, struct error **) = {
        build_memory,
        build_cpu,
        build_cpuset,
        build_block,
    };
    int r = 0;
    for (size_t i = 0; i < ARRAY_SIZE(parts) && r >= 0; i++) {
        r = parts[i](b, err);
    }
    build_pids(b);
    return r;
}

int build_resources(struct building *b, struct error **err)
{
    int r = build_cgroup_limits(b, err);
    return r < 0 ? r : build_sysctls(b, err);
}
