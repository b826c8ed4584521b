// SPDX-License-Identifier: Apache-2.0
#include "wall/container/cgroup_convert.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "wall/container/cgroup_files.h"

#define SHARES_MIN 2 /* kernel/sched/sched.h MIN_SHARES, MAX_SHARES */
#define SHARES_MAX (1u << 18)
#define WEIGHT_MIN 1 /* include/linux/cgroup.h CGROUP_WEIGHT_MIN, CGROUP_WEIGHT_MAX */
#define WEIGHT_MAX 10000
#define BLKIO_WEIGHT_MIN 10
#define BLKIO_WEIGHT_MAX 1000
#define CPU_PERIOD_DEFAULT_US 100000

uint64_t cgroup_weight_from_shares(uint64_t shares)
{
    if (shares <= SHARES_MIN) {
        return WEIGHT_MIN;
    }
    if (shares >= SHARES_MAX) {
        return WEIGHT_MAX;
    }
    double l = log2((double)shares);
    return (uint64_t)ceil(pow(10, (l * l + 125 * l) / 612.0 - 7.0 / 34.0));
}

uint64_t cgroup_io_weight_from_blkio(uint32_t weight)
{
    return WEIGHT_MIN + (uint64_t)(weight - BLKIO_WEIGHT_MIN) * (WEIGHT_MAX - WEIGHT_MIN) /
                            (BLKIO_WEIGHT_MAX - BLKIO_WEIGHT_MIN);
}

/* What the conversion of one spec works on. The first error stays; later writes are dropped. */
struct conversion {
    struct arena *a;
    struct cgroup_plan *p;
    const struct spec_resources *r;
    struct error **err;
    int result;
    struct cgroup_write dropped;
};

static const struct cgroup_group *group_of(struct conversion *c, enum cgroup_controller controller,
                                           size_t *ret_index)
{
    for (size_t i = 0; i < c->p->set.count; i++) {
        if (c->p->set.groups[i].controllers & CGROUP_BIT(controller)) {
            *ret_index = i;
            return &c->p->set.groups[i];
        }
    }
    return NULL;
}

static void lack(struct conversion *c, enum cgroup_controller controller, const char *property)
{
    if (c->result < 0) {
        return;
    }
    c->result = error_set(
        c->err, ERROR_UNSUPPORTED, ENODEV, "this host has no %s controller, which the %s needs",
        controller == CGROUP_IO ? "blkio or io" : cgroup_controller_name(controller, false),
        property);
    (void)error_hint(c->err, c->result, "see /proc/cgroups; leave the limit out or enable it");
}

/* Whether the controller's group is of cgroup v2; a missing controller is the error. */
static bool is_v2(struct conversion *c, enum cgroup_controller controller, const char *property)
{
    size_t index;
    const struct cgroup_group *g = group_of(c, controller, &index);
    if (!g) {
        lack(c, controller, property);
    }
    return g && g->v2;
}

static struct cgroup_write *add(struct conversion *c, enum cgroup_controller controller,
                                const char *property, const char *file, const char *value)
{
    size_t index = 0;
    if (!group_of(c, controller, &index)) {
        lack(c, controller, property);
    }
    if (c->result < 0) {
        return &c->dropped;
    }
    struct cgroup_write *w = arena_push(c->a, c->p->writes, c->p->write_count);
    *w = (struct cgroup_write){
        .group = index,
        .controller = controller,
        .file = file,
        .value = value,
        .property = property,
    };
    if (c->p->set.groups[index].v2) {
        c->p->required |= CGROUP_BIT(controller);
    }
    return w;
}

static void refuse(struct conversion *c, const char *property)
{
    if (c->result == 0) {
        c->result = error_set(c->err, ERROR_UNSUPPORTED, EOPNOTSUPP,
                              "cgroup v2, which this host has, cannot set the %s", property);
    }
}

static void invalid(struct conversion *c, const char *message)
{
    if (c->result == 0) {
        c->result = error_set(c->err, ERROR_INVALID_INPUT, EINVAL, "%s", message);
    }
}

static const char *number(struct conversion *c, int64_t v)
{
    return arena_format(c->a, "%" PRId64, v);
}
static const char *number_or_max(struct conversion *c, int64_t v)
{
    return v < 0 ? "max" : number(c, v);
}
static const char *unsigned_number(struct conversion *c, uint64_t v)
{
    return arena_format(c->a, "%" PRIu64, v);
}

/* memory.swap.max is swap alone; the specification's number is memory and swap together. */
static void convert_swap_v2(struct conversion *c)
{
    const struct spec_resources *r = c->r;
    int64_t total = r->memory_swap.value, limit = r->memory_limit.set ? r->memory_limit.value : -1;
    if (total >= 0 && limit < 0) {
        invalid(c, "a limit of memory and swap together needs a memory limit");
    } else if (total >= 0 && total < limit) {
        invalid(c, "the limit of memory and swap together is below the memory limit");
    }
    add(c, CGROUP_MEMORY, "swap limit", "memory.swap.max",
        number_or_max(c, total < 0 ? -1 : total - limit));
}

static void convert_memory_v2(struct conversion *c)
{
    const struct spec_resources *r = c->r;
    if (r->memory_limit.set) {
        add(c, CGROUP_MEMORY, "memory limit", "memory.max",
            number_or_max(c, r->memory_limit.value));
    }
    if (r->memory_swap.set) {
        convert_swap_v2(c);
    }
    if (r->memory_reservation.set) {
        int64_t low = r->memory_reservation.value;
        add(c, CGROUP_MEMORY, "memory reservation", "memory.low", number_or_max(c, low));
    }
    if (r->memory_kernel.value > 0) {
        refuse(c, "kernel memory limit");
    }
    if (r->memory_kernel_tcp.value > 0) {
        refuse(c, "kernel TCP memory limit");
    }
    if (r->memory_swappiness.set) {
        refuse(c, "memory swappiness");
    }
    if (r->memory_disable_oom_killer.set && r->memory_disable_oom_killer.value) {
        refuse(c, "disabling of the out-of-memory killer");
    }
    if (r->memory_use_hierarchy.set && !r->memory_use_hierarchy.value) {
        refuse(c, "flat accounting of memory");
    }
}

static void convert_memory_v1(struct conversion *c)
{
    const struct spec_resources *r = c->r;
    if (r->memory_limit.set) {
        add(c, CGROUP_MEMORY, "memory limit", "memory.limit_in_bytes",
            number(c, r->memory_limit.value));
    }
    if (r->memory_swap.set) {
        if (r->memory_swap.value >= 0 && r->memory_swap.value < r->memory_limit.value) {
            invalid(c, "the limit of memory and swap together is below the memory limit");
        }
        add(c, CGROUP_MEMORY, "swap limit", "memory.memsw.limit_in_bytes",
            number(c, r->memory_swap.value));
    }
    if (r->memory_reservation.set) {
        add(c, CGROUP_MEMORY, "memory reservation", "memory.soft_limit_in_bytes",
            number(c, r->memory_reservation.value));
    }
    if (r->memory_kernel.value > 0) {
        add(c, CGROUP_MEMORY, "kernel memory limit", "memory.kmem.limit_in_bytes",
            number(c, r->memory_kernel.value));
    }
    if (r->memory_kernel_tcp.value > 0) {
        add(c, CGROUP_MEMORY, "kernel TCP memory limit", "memory.kmem.tcp.limit_in_bytes",
            number(c, r->memory_kernel_tcp.value));
    }
    if (r->memory_swappiness.set) {
        add(c, CGROUP_MEMORY, "memory swappiness", "memory.swappiness",
            unsigned_number(c, r->memory_swappiness.value));
    }
    if (r->memory_disable_oom_killer.set) {
        add(c, CGROUP_MEMORY, "disabling of the out-of-memory killer", "memory.oom_control",
            r->memory_disable_oom_killer.value ? "1" : "0");
    }
    if (r->memory_use_hierarchy.set) {
        add(c, CGROUP_MEMORY, "hierarchical accounting of memory", "memory.use_hierarchy",
            r->memory_use_hierarchy.value ? "1" : "0");
    }
}

static bool asks_memory(const struct spec_resources *r)
{
    return r->memory_limit.set || r->memory_swap.set || r->memory_reservation.set ||
           r->memory_kernel.set || r->memory_kernel_tcp.set || r->memory_swappiness.set ||
           r->memory_disable_oom_killer.set || r->memory_use_hierarchy.set;
}

static void convert_cpu_v2(struct conversion *c)
{
    const struct spec_resources *r = c->r;
    if (r->cpu_idle.set) {
        add(c, CGROUP_CPU, "CPU idle class", "cpu.idle", number(c, r->cpu_idle.value));
    }
    /* An idle group has no weight of its own: the kernel refuses to set one. */
    bool idle = r->cpu_idle.set && r->cpu_idle.value != 0;
    if (r->cpu_shares.set && r->cpu_shares.value && !idle) {
        add(c, CGROUP_CPU, "CPU shares", "cpu.weight",
            unsigned_number(c, cgroup_weight_from_shares(r->cpu_shares.value)));
    }
    if (r->cpu_quota_us.set || r->cpu_period_us.set) {
        bool limited = r->cpu_quota_us.set && r->cpu_quota_us.value > 0;
        uint64_t period = r->cpu_period_us.set && r->cpu_period_us.value ? r->cpu_period_us.value
                                                                         : CPU_PERIOD_DEFAULT_US;
        add(c, CGROUP_CPU, "CPU quota", "cpu.max",
            arena_format(c->a, "%s %" PRIu64, limited ? number(c, r->cpu_quota_us.value) : "max",
                         period));
    }
    if (r->cpu_burst_us.set) {
        add(c, CGROUP_CPU, "CPU burst", "cpu.max.burst", unsigned_number(c, r->cpu_burst_us.value));
    }
    if ((r->cpu_realtime_period_us.set && r->cpu_realtime_period_us.value) ||
        (r->cpu_realtime_runtime_us.set && r->cpu_realtime_runtime_us.value)) {
        refuse(c, "CPU realtime runtime and period");
    }
}

static void convert_cpu_v1(struct conversion *c)
{
    const struct spec_resources *r = c->r;
    if (r->cpu_shares.set && r->cpu_shares.value) {
        add(c, CGROUP_CPU, "CPU shares", "cpu.shares", unsigned_number(c, r->cpu_shares.value));
    }
    if (r->cpu_period_us.set && r->cpu_period_us.value) {
        add(c, CGROUP_CPU, "CPU period", "cpu.cfs_period_us",
            unsigned_number(c, r->cpu_period_us.value));
    }
    if (r->cpu_quota_us.set && r->cpu_quota_us.value) {
        add(c, CGROUP_CPU, "CPU quota", "cpu.cfs_quota_us", number(c, r->cpu_quota_us.value));
    }
    if (r->cpu_burst_us.set) {
        add(c, CGROUP_CPU, "CPU burst", "cpu.cfs_burst_us",
            unsigned_number(c, r->cpu_burst_us.value));
    }
    if (r->cpu_realtime_period_us.set && r->cpu_realtime_period_us.value) {
        add(c, CGROUP_CPU, "CPU realtime period", "cpu.rt_period_us",
            unsigned_number(c, r->cpu_realtime_period_us.value));
    }
    if (r->cpu_realtime_runtime_us.set && r->cpu_realtime_runtime_us.value) {
        add(c, CGROUP_CPU, "CPU realtime runtime", "cpu.rt_runtime_us",
            number(c, r->cpu_realtime_runtime_us.value));
    }
    if (r->cpu_idle.set) {
        add(c, CGROUP_CPU, "CPU idle class", "cpu.idle", number(c, r->cpu_idle.value));
    }
}

static bool asks_cpu(const struct spec_resources *r)
{
    return (r->cpu_shares.set && r->cpu_shares.value) ||
           (r->cpu_quota_us.set && r->cpu_quota_us.value) ||
           (r->cpu_period_us.set && r->cpu_period_us.value) || r->cpu_burst_us.set ||
           (r->cpu_realtime_period_us.set && r->cpu_realtime_period_us.value) ||
           (r->cpu_realtime_runtime_us.set && r->cpu_realtime_runtime_us.value) || r->cpu_idle.set;
}

static void convert_cpuset(struct conversion *c)
{
    if (c->r->cpus) {
        add(c, CGROUP_CPUSET, "list of CPUs", "cpuset.cpus", c->r->cpus);
    }
    if (c->r->mems) {
        add(c, CGROUP_CPUSET, "list of memory nodes", "cpuset.mems", c->r->mems);
    }
}

static void convert_io_weights(struct conversion *c, bool v2)
{
    const struct spec_resources *r = c->r;
    const char *file = v2 ? "io.bfq.weight" : "blkio.weight";
    if (r->blkio_weight.set && r->blkio_weight.value) {
        uint32_t weight = r->blkio_weight.value;
        if (weight < BLKIO_WEIGHT_MIN || weight > BLKIO_WEIGHT_MAX) {
            invalid(c, "a block I/O weight is a number from 10 to 1000");
        }
        const char *text = unsigned_number(c, weight);
        struct cgroup_write *w = add(c, CGROUP_IO, "block I/O weight", file, text);
        w->instead_file = v2 ? "io.weight" : "blkio.bfq.weight";
        w->instead_value = v2 ? unsigned_number(c, cgroup_io_weight_from_blkio(weight)) : text;
    }
    if (r->blkio_leaf_weight.set && r->blkio_leaf_weight.value) {
        if (v2) {
            refuse(c, "block I/O leaf weight");
        }
        add(c, CGROUP_IO, "block I/O leaf weight", "blkio.leaf_weight",
            unsigned_number(c, r->blkio_leaf_weight.value));
    }
    for (size_t i = 0; i < r->weight_device_count; i++) {
        const struct spec_weight_device *d = &r->weight_devices[i];
        if (!d->weight.set) {
            continue;
        }
        const char *text =
            arena_format(c->a, "%" PRId64 ":%" PRId64 " %u", d->major, d->minor, d->weight.value);
        struct cgroup_write *w = add(c, CGROUP_IO, "block I/O weight of a device",
                                     v2 ? file : "blkio.weight_device", text);
        w->instead_file = v2 ? "io.weight" : "blkio.bfq.weight_device";
        w->instead_value = v2 ? arena_format(c->a, "%" PRId64 ":%" PRId64 " %" PRIu64, d->major,
                                             d->minor, cgroup_io_weight_from_blkio(d->weight.value))
                              : text;
    }
}

static void convert_throttles(struct conversion *c, bool v2, const struct spec_throttles *t,
                              const char *property, const char *v1_file, const char *v2_key)
{
    for (size_t i = 0; i < t->count; i++) {
        const struct spec_throttle *d = &t->items[i];
        const char *rate = v2 && d->rate == 0 ? "max" : unsigned_number(c, d->rate);
        add(c, CGROUP_IO, property, v2 ? "io.max" : v1_file,
            arena_format(c->a, "%" PRId64 ":%" PRId64 " %s%s", d->major, d->minor, v2 ? v2_key : "",
                         rate));
    }
}

static bool asks_io(const struct spec_resources *r)
{
    return (r->blkio_weight.set && r->blkio_weight.value) ||
           (r->blkio_leaf_weight.set && r->blkio_leaf_weight.value) || r->weight_device_count ||
           r->read_bps.count || r->write_bps.count || r->read_iops.count || r->write_iops.count;
}

static void convert_io(struct conversion *c)
{
    const struct spec_resources *r = c->r;
    bool v2 = is_v2(c, CGROUP_IO, "block I/O limit");
    convert_io_weights(c, v2);
    convert_throttles(c, v2, &r->read_bps, "read rate of a device",
                      "blkio.throttle.read_bps_device", "rbps=");
    convert_throttles(c, v2, &r->write_bps, "write rate of a device",
                      "blkio.throttle.write_bps_device", "wbps=");
    convert_throttles(c, v2, &r->read_iops, "read operations rate of a device",
                      "blkio.throttle.read_iops_device", "riops=");
    convert_throttles(c, v2, &r->write_iops, "write operations rate of a device",
                      "blkio.throttle.write_iops_device", "wiops=");
}

static void convert_hugetlb(struct conversion *c)
{
    for (size_t i = 0; i < c->r->hugepage_count; i++) {
        const struct spec_hugepage *h = &c->r->hugepages[i];
        if (strchr(h->page_size, '/')) {
            invalid(c, "a huge page size is written as \"2MB\"");
            return;
        }
        bool v2 = is_v2(c, CGROUP_HUGETLB, "huge page limit");
        const char *end = v2 ? "max" : "limit_in_bytes",
                   *value = unsigned_number(c, h->limit_bytes);
        add(c, CGROUP_HUGETLB, "huge page limit",
            arena_format(c->a, "hugetlb.%s.%s", h->page_size, end), value);
        add(c, CGROUP_HUGETLB, "huge page reservation limit",
            arena_format(c->a, "hugetlb.%s.rsvd.%s", h->page_size, end), value)
            ->may_lack = true;
    }
}

static void convert_network(struct conversion *c)
{
    if (c->r->net_class_id.set && c->r->net_class_id.value) {
        add(c, CGROUP_NET_CLS, "network class", "net_cls.classid",
            unsigned_number(c, c->r->net_class_id.value));
    }
    for (size_t i = 0; i < c->r->net_priority_count; i++) {
        const struct spec_net_priority *n = &c->r->net_priorities[i];
        add(c, CGROUP_NET_PRIO, "network priority", "net_prio.ifpriomap",
            arena_format(c->a, "%s %u", n->name, n->priority));
    }
}

static void convert_rdma(struct conversion *c)
{
    for (size_t i = 0; i < c->r->rdma_count; i++) {
        const struct spec_rdma *d = &c->r->rdma[i];
        char *text = arena_strdup(c->a, d->device);
        if (d->hca_handles.set) {
            text = arena_format(c->a, "%s hca_handle=%u", text, d->hca_handles.value);
        }
        if (d->hca_objects.set) {
            text = arena_format(c->a, "%s hca_object=%u", text, d->hca_objects.value);
        }
        add(c, CGROUP_RDMA, "RDMA limit", "rdma.max", text);
    }
}

/* The v2 controller that a file belongs to, or -1: "cgroup.…", and controllers we do not know. */
static int file_controller(const char *file)
{
    size_t len = strcspn(file, ".");
    for (int i = 0; i < CGROUP_CONTROLLER_COUNT; i++) {
        const char *name = cgroup_controller_name(i, true);
        if (strlen(name) == len && strncmp(name, file, len) == 0) {
            return i;
        }
    }
    return -1;
}

/* v2's own files, as they are. */
static void convert_unified(struct conversion *c)
{
    for (size_t i = 0; i < c->r->unified_count && c->result == 0; i++) {
        const struct spec_pair *u = &c->r->unified[i];
        if (c->p->set.unified < 0) {
            c->result = error_set(c->err, ERROR_UNSUPPORTED, EOPNOTSUPP,
                                  "this host has no cgroup v2, which '%s' needs", u->key);
            return;
        }
        if (strchr(u->key, '/') || !strchr(u->key, '.') || u->key[0] == '.') {
            c->result = error_set(c->err, ERROR_INVALID_INPUT, EINVAL,
                                  "'%s' is not the name of a cgroup v2 file", u->key);
            return;
        }
        int controller = file_controller(u->key);
        const struct cgroup_group *g = cgroup_set_unified(&c->p->set);
        if (controller >= 0 && !(g->controllers & CGROUP_BIT(controller))) {
            c->result = error_set(c->err, ERROR_UNSUPPORTED, ENODEV,
                                  "this host has no %s controller on cgroup v2, which '%s' needs",
                                  cgroup_controller_name(controller, true), u->key);
            return;
        }
        struct cgroup_write *w = arena_push(c->a, c->p->writes, c->p->write_count);
        *w = (struct cgroup_write){
            .group = (size_t)c->p->set.unified,
            .controller = controller < 0 ? CGROUP_CONTROLLER_COUNT : controller,
            .file = u->key,
            .value = u->value,
            .property = u->key,
        };
        c->p->required |= controller < 0 ? 0 : CGROUP_BIT(controller);
    }
}

uint32_t cgroup_resources_need(const struct spec_resources *r)
{
    uint32_t bits = 0;
    bits |= asks_memory(r) ? CGROUP_BIT(CGROUP_MEMORY) : 0;
    bits |= asks_cpu(r) ? CGROUP_BIT(CGROUP_CPU) : 0;
    bits |= r->cpus || r->mems ? CGROUP_BIT(CGROUP_CPUSET) : 0;
    bits |= r->pids_limit.set ? CGROUP_BIT(CGROUP_PIDS) : 0;
    bits |= asks_io(r) ? CGROUP_BIT(CGROUP_IO) : 0;
    bits |= r->hugepage_count ? CGROUP_BIT(CGROUP_HUGETLB) : 0;
    bits |= r->net_class_id.set && r->net_class_id.value ? CGROUP_BIT(CGROUP_NET_CLS) : 0;
    bits |= r->net_priority_count ? CGROUP_BIT(CGROUP_NET_PRIO) : 0;
    bits |= r->rdma_count ? CGROUP_BIT(CGROUP_RDMA) : 0;
    for (size_t i = 0; i < r->unified_count; i++) {
        int controller = file_controller(r->unified[i].key);
        bits |= controller < 0 ? 0 : CGROUP_BIT(controller);
    }
    return bits;
}

int cgroup_convert(struct arena *a, const struct spec_resources *r, struct cgroup_plan *p,
                   struct error **err)
{
    struct conversion c = {.a = a, .p = p, .r = r, .err = err};
    if (asks_memory(r)) {
        is_v2(&c, CGROUP_MEMORY, "memory limit") ? convert_memory_v2(&c) : convert_memory_v1(&c);
    }
    if (asks_cpu(r)) {
        is_v2(&c, CGROUP_CPU, "CPU limit") ? convert_cpu_v2(&c) : convert_cpu_v1(&c);
    }
    convert_cpuset(&c);
    if (r->pids_limit.set) {
        add(&c, CGROUP_PIDS, "limit of processes", "pids.max",
            r->pids_limit.value > 0 ? number(&c, r->pids_limit.value) : "max");
    }
    if (asks_io(r)) {
        convert_io(&c);
    }
    convert_hugetlb(&c);
    convert_network(&c);
    convert_rdma(&c);
    convert_unified(&c);
    return c.result;
}
