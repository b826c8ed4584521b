// SPDX-License-Identifier: Apache-2.0
/* The specification's resources as systemd's properties. Pure.
 *
 * What systemd has no property for (bursts, huge pages, network classes, …) is in the group's files
 * alone, where it stays: systemd writes only what it knows. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "wall/container/cgroup_convert.h"
#include "wall/container/cgroup_files.h"
#include "wall/container/scope.h"

#define PERIOD_DEFAULT_US 100000
#define SECOND_US 1000000
/* systemd keeps a quota in hundredths of a CPU. */
#define QUOTA_STEP_US 10000
#define CPUS_MAX 8192 /* the kernel's NR_CPUS */

static void add(json_t *list, const char *name, const char *signature, json_t *value)
{
    (void)json_array_append_new(list, json_pack("[s, s, o]", name, signature, value));
}

/* Below zero is unlimited, and so is systemd's infinity. */
static void add_number(json_t *list, const char *name, int64_t value)
{
    add(list, name, "t", json_integer(value < 0 ? -1 : value));
}

static bool is_v2(const struct cgroup_set *set, enum cgroup_controller c)
{
    const struct cgroup_group *g = cgroup_set_group(set, c);
    return !g || g->v2;
}

static void add_memory(json_t *list, const struct spec_resources *r, bool v2)
{
    if (r->memory_limit.set) {
        add_number(list, v2 ? "MemoryMax" : "MemoryLimit", r->memory_limit.value);
    }
    if (!v2) {
        return;
    }
    if (r->memory_swap.set && r->memory_limit.set) {
        int64_t swap = r->memory_swap.value, limit = r->memory_limit.value;
        add_number(list, "MemorySwapMax", swap < 0 || limit < 0 ? -1 : swap - limit);
    } else if (r->memory_swap.set && r->memory_swap.value < 0) {
        add_number(list, "MemorySwapMax", -1);
    }
    if (r->memory_reservation.set) {
        add_number(list, "MemoryLow", r->memory_reservation.value);
    }
}

static void add_quota(json_t *list, int64_t quota_us, uint64_t period_us)
{
    uint64_t period = period_us ? period_us : PERIOD_DEFAULT_US;
    int64_t per_second = -1;
    if (quota_us > 0 && (uint64_t)quota_us < UINT64_MAX / SECOND_US) {
        uint64_t exact = (uint64_t)quota_us * SECOND_US / period;
        per_second = (int64_t)((exact + QUOTA_STEP_US - 1) / QUOTA_STEP_US * QUOTA_STEP_US);
    }
    add_number(list, "CPUQuotaPerSecUSec", per_second);
    if (period_us) {
        add_number(list, "CPUQuotaPeriodUSec", (int64_t)period);
    }
}

static void add_cpu(json_t *list, const struct spec_resources *r, bool v2)
{
    if (r->cpu_shares.set && r->cpu_shares.value) {
        uint64_t shares = r->cpu_shares.value;
        add_number(list, v2 ? "CPUWeight" : "CPUShares",
                   (int64_t)(v2 ? cgroup_weight_from_shares(shares) : shares));
    }
    if (r->cpu_quota_us.set || r->cpu_period_us.set) {
        add_quota(list, r->cpu_quota_us.set ? r->cpu_quota_us.value : -1,
                  r->cpu_period_us.set ? r->cpu_period_us.value : 0);
    }
}

/* "0-2,7" as the bytes 0x87: -EINVAL when it is no such list. */
static int cpu_list_bytes(const char *text, json_t **ret)
{
    uint8_t bytes[CPUS_MAX / 8] = {0};
    size_t count = 0;
    CLEANUP(strv) struct strv parts = {0};
    strv_split(&parts, text, ',');
    for (size_t i = 0; i < parts.count; i++) {
        char *dash = strchr(parts.items[i], '-');
        uint64_t first, last;
        if (dash) {
            *dash = '\0';
        }
        if (str_to_u64(parts.items[i], 10, &first) < 0 ||
            str_to_u64(dash ? dash + 1 : parts.items[i], 10, &last) < 0 || last >= CPUS_MAX) {
            return -EINVAL;
        }
        for (uint64_t n = first; n <= last; n++) {
            bytes[n / 8] |= (uint8_t)(1 << (n % 8));
            count = n / 8 + 1 > count ? n / 8 + 1 : count;
        }
    }
    *ret = json_array();
    for (size_t i = 0; i < count; i++) {
        (void)json_array_append_new(*ret, json_integer(bytes[i]));
    }
    return 0;
}

/* What the kernel would refuse is for the kernel to refuse: it has the words. */
static void add_cpu_list(json_t *list, const char *name, const char *text)
{
    json_t *bytes;
    if (text && *text && cpu_list_bytes(text, &bytes) == 0) {
        add(list, name, "ay", bytes);
    }
}

static void add_of_device(json_t *list, const char *name, int64_t major, int64_t minor,
                          int64_t value)
{
    CLEANUP(free) char *path = str_format("/dev/block/%" PRId64 ":%" PRId64, major, minor);
    add(list, name, "a(st)", json_pack("[[s, I]]", path, (json_int_t)value));
}

static void add_throttles(json_t *list, const char *name, const struct spec_throttles *t)
{
    for (size_t i = 0; i < t->count; i++) {
        const struct spec_throttle *d = &t->items[i];
        add_of_device(list, name, d->major, d->minor, d->rate ? (int64_t)d->rate : -1);
    }
}

static void add_io(json_t *list, const struct spec_resources *r, bool v2)
{
    if (r->blkio_weight.set && r->blkio_weight.value) {
        uint32_t weight = r->blkio_weight.value;
        add_number(list, v2 ? "IOWeight" : "BlockIOWeight",
                   (int64_t)(v2 ? cgroup_io_weight_from_blkio(weight) : weight));
    }
    for (size_t i = 0; v2 && i < r->weight_device_count; i++) {
        const struct spec_weight_device *d = &r->weight_devices[i];
        if (d->weight.set) {
            add_of_device(list, "IODeviceWeight", d->major, d->minor,
                          (int64_t)cgroup_io_weight_from_blkio(d->weight.value));
        }
    }
    add_throttles(list, v2 ? "IOReadBandwidthMax" : "BlockIOReadBandwidth", &r->read_bps);
    add_throttles(list, v2 ? "IOWriteBandwidthMax" : "BlockIOWriteBandwidth", &r->write_bps);
    if (v2) {
        add_throttles(list, "IOReadIOPSMax", &r->read_iops);
        add_throttles(list, "IOWriteIOPSMax", &r->write_iops);
    }
}

/* One file of v2 that is a property of one number. */
static bool add_unified_number(json_t *list, const char *file, const char *text)
{
    static const struct {
        const char *file, *property;
    } numbers[] = {
        {"memory.min", "MemoryMin"},   {"memory.low", "MemoryLow"},
        {"memory.high", "MemoryHigh"}, {"memory.max", "MemoryMax"},
        {"pids.max", "TasksMax"},      {"memory.swap.max", "MemorySwapMax"},
        {"cpu.weight", "CPUWeight"},   {"io.weight", "IOWeight"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
        int64_t value = -1;
        if (str_equal(numbers[i].file, file) &&
            (str_equal(text, "max") || str_to_i64(text, 10, &value) == 0)) {
            add_number(list, numbers[i].property, value);
            return true;
        }
    }
    return false;
}

static void add_unified_quota(json_t *list, const char *text)
{
    CLEANUP(strv) struct strv parts = {0};
    int64_t quota = -1;
    uint64_t period = 0;
    strv_split(&parts, text, ' ');
    if (parts.count >= 1 && parts.count <= 2 &&
        (str_equal(parts.items[0], "max") || str_to_i64(parts.items[0], 10, &quota) == 0) &&
        (parts.count == 1 || str_to_u64(parts.items[1], 10, &period) == 0)) {
        add_quota(list, quota, period);
    }
}

static void add_unified(json_t *list, const struct spec_resources *r)
{
    for (size_t i = 0; i < r->unified_count; i++) {
        const char *file = r->unified[i].key, *text = r->unified[i].value;
        if (add_unified_number(list, file, text)) {
            continue;
        }
        if (str_equal(file, "cpu.max")) {
            add_unified_quota(list, text);
        } else if (str_equal(file, "cpuset.cpus")) {
            add_cpu_list(list, "AllowedCPUs", text);
        } else if (str_equal(file, "cpuset.mems")) {
            add_cpu_list(list, "AllowedMemoryNodes", text);
        }
    }
}

static bool any_number(struct opt_i64 n)
{
    return !n.set || n.value < 0;
}

/* As systemd names devices: a node by its number, a whole major, a whole type. */
static void add_device(json_t *entries, const struct spec_device_rule *d)
{
    const char *type = d->type == 'b' ? "block" : "char";
    CLEANUP(free)
    char *name = any_number(d->major)   ? str_format("%s-*", type)
                 : any_number(d->minor) ? str_format("%s-%" PRId64, type, d->major.value)
                                        : str_format("/dev/%s/%" PRId64 ":%" PRId64, type,
                                                     d->major.value, d->minor.value);
    const char *access = d->access && *d->access ? d->access : "rwm";
    (void)json_array_append_new(entries, json_pack("[s, s]", name, access));
}

/* systemd knows a list of allowances, no order and no denial but of the rest. What it is told may
 * be more than what the rules allow, never less: on v2 our program decides beside systemd's, on v1
 * the rules are written after systemd has. */
static void add_devices(json_t *list, const struct spec_device_rule *rules, size_t count)
{
    json_t *entries = json_array();
    bool everything = false;
    for (size_t i = 0; i < count; i++) {
        if (rules[i].type == 'a') {
            everything = rules[i].allow;
            (void)json_array_clear(entries);
        } else if (rules[i].allow) {
            add_device(entries, &rules[i]);
        }
    }
    add(list, "DevicePolicy", "s", json_string(everything ? "auto" : "strict"));
    add(list, "DeviceAllow", "a(ss)", json_array()); /* forgets those of before */
    if (everything) {
        json_decref(entries);
    } else {
        add(list, "DeviceAllow", "a(ss)", entries);
    }
}

json_t *scope_properties(const struct spec_resources *r, const struct cgroup_set *set)
{
    CLEANUP(arena) struct arena *a = arena_new();
    json_t *list = json_array();
    add_memory(list, r, is_v2(set, CGROUP_MEMORY));
    add_cpu(list, r, is_v2(set, CGROUP_CPU));
    if (is_v2(set, CGROUP_CPUSET)) {
        add_cpu_list(list, "AllowedCPUs", r->cpus);
        add_cpu_list(list, "AllowedMemoryNodes", r->mems);
    }
    if (r->pids_limit.set) {
        add_number(list, "TasksMax", r->pids_limit.value > 0 ? r->pids_limit.value : -1);
    }
    add_io(list, r, is_v2(set, CGROUP_IO));
    add_unified(list, r);
    if (r->device_count) {
        size_t count;
        const struct spec_device_rule *rules = cgroup_device_rules(a, r, &count);
        add_devices(list, rules, count);
    }
    return list;
}
