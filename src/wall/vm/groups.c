// SPDX-License-Identifier: Apache-2.0
/* The machine's groups on the host: the container wall's own, with the limits that mean the machine
 * as a whole. Limits of processes, of devices and of memory within are the guest kernel's. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "wall/container/cgroup_files.h"
#include "wall/container/scope.h"
#include "wall/vm/vm.h"

/* Room beside the guest's memory: relay, monitor, the shares' server, page tables, the disks' pages
 * on their way to the disk; QEMU and what it has translated. */
static const int64_t overheads[] = {
    [VM_KVM] = INT64_C(24) << 20,
    [VM_QEMU] = INT64_C(256) << 20,
};

/* Of what the user asks, what the host is to hold. A limit of memory has room for the monitor. */
static struct spec_resources host_resources(const struct spec_resources *r, int64_t overhead)
{
    struct spec_resources ret = {
        .cpu_shares = r->cpu_shares,
        .cpu_burst_us = r->cpu_burst_us,
        .cpu_period_us = r->cpu_period_us,
        .cpu_quota_us = r->cpu_quota_us,
        .cpu_idle = r->cpu_idle,
        .cpus = r->cpus,
        .mems = r->mems,
        .blkio_weight = r->blkio_weight,
        .weight_devices = r->weight_devices,
        .weight_device_count = r->weight_device_count,
        .read_bps = r->read_bps,
        .write_bps = r->write_bps,
        .read_iops = r->read_iops,
        .write_iops = r->write_iops,
    };
    if (r->memory_limit.set && r->memory_limit.value > 0) {
        ret.memory_limit = (struct opt_i64){.set = true, .value = r->memory_limit.value + overhead};
    }
    ret.memory_swap = r->memory_swap; /* memory and swap together; -1: no limit */
    if (r->memory_swap.set && r->memory_swap.value > 0) {
        ret.memory_swap.value += overhead;
    }
    return ret;
}

int vm_groups_plan(struct plan *p, const struct wall_params *params, struct error **err)
{
    struct cgroup_layout layout;
    struct spec host = *params->spec;
    p->groups.set.unified = -1;
    if (params->no_cgroups) {
        return 0;
    }
    enum vm_monitor monitor = str_equal(p->monitor, "qemu") ? VM_QEMU : VM_KVM;
    p->memory_limit = params->spec->linux_.resources.memory_limit;
    p->memory_swap = params->spec->linux_.resources.memory_swap;
    host.linux_.resources = host_resources(&params->spec->linux_.resources, overheads[monitor]);
    int r = cgroup_layout_read(p->arena, &layout, err);
    return r < 0 ? r
                 : cgroup_plan(p->arena, &host, p->id, params->systemd_cgroup, &layout, &p->groups,
                               err);
}

/* The plan had room for cloison-vmm, where nothing else was asked for. */
static int make_room(const struct plan *p, enum vm_monitor monitor, struct error **err)
{
    const struct spec_resources r = {.memory_limit = p->memory_limit,
                                     .memory_swap = p->memory_swap};
    const char *scope = p->groups.scope ? p->groups.scope->place.unit : NULL;
    return monitor == VM_KVM || p->monitor || !p->memory_limit.set
               ? 0
               : vm_groups_update(&p->groups.set, scope, &r, monitor, err);
}

int vm_groups_make(const struct plan *p, pid_t pid, enum vm_monitor monitor, struct error **err)
{
    const struct cgroup_plan *g = &p->groups;
    struct scope_helper scope = {0};
    int r = g->scope ? scope_start(&scope, g->scope, err) : 0;
    r = r < 0 || !g->set.count ? r : cgroup_make(g, err);
    for (size_t i = 0; r >= 0 && i < g->write_count; i++) {
        r = cgroup_apply(g, i, err);
    }
    r = r < 0 || !g->set.count ? r : cgroup_attach(&g->set, pid, err);
    r = r < 0 || !g->scope ? r : scope_settle(&scope, g->scope, err);
    scope_leave(&scope);
    return r < 0 ? r : make_room(p, monitor, err);
}

/* Whether it is a thread of the kernel's. man 5 proc, stat: flags. */
static bool is_kernel_thread(pid_t pid)
{
    const unsigned long kthread = 0x00200000; /* PF_KTHREAD */
    CLEANUP(free) char *path = str_format("/proc/%d/stat", pid);
    CLEANUP(free) char *line = NULL;
    unsigned long flags = 0;
    if (file_read_line(AT_FDCWD, path, &line, NULL) < 0) {
        return false; /* it has just ended */
    }
    const char *rest = strrchr(line, ')');
    return rest && sscanf(rest, ") %*c %*d %*d %*d %*d %*d %lu", &flags) == 1 && (flags & kthread);
}

void vm_groups_release_kernel(const struct cgroup_set *set)
{
    CLEANUP(free) pid_t *pids = NULL;
    size_t count = 0;
    const struct cgroup_group *v2 = cgroup_set_unified(set);
    if (!v2 || cgroup_pids(set, &pids, &count, NULL) < 0) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        CLEANUP(free) char *text = str_format("%d", pids[i]);
        if (is_kernel_thread(pids[i])) {
            IGNORE(cgroup_file_write(v2->mount, "cgroup.procs", text) < 0); /* then it stays */
        }
    }
}

int vm_groups_update(const struct cgroup_set *set, const char *scope,
                     const struct spec_resources *r, enum vm_monitor monitor, struct error **err)
{
    const struct spec_resources host = host_resources(r, overheads[monitor]);
    return set->count ? cgroup_update(set, scope, &host, err) : 0;
}
