// SPDX-License-Identifier: Apache-2.0
/* `cloison-oci update`: other limits for a container that exists. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "oci/container.h"

struct update_values {
    const char *resources, *cpus, *mems, *l3_cache_schema, *mem_bw_schema;
    struct option_integer blkio_weight, cpu_period, cpu_quota, cpu_burst, cpu_shares;
    struct option_integer cpu_rt_period, cpu_rt_runtime, cpu_idle, pids_limit;
    struct option_integer memory, reservation, swap, kernel, kernel_tcp;
};

/* A file's, or with "-" what standard input says. */
static int read_resources(const char *path, struct arena *a, struct spec_resources *ret,
                          struct error **err)
{
    CLEANUP(json) json_t *o = NULL;
    const char *file = str_equal(path, "-") ? "/dev/stdin" : path;
    int r = json_load_path(AT_FDCWD, file, SPEC_BYTES_MAX, &o, err);
    return r < 0 ? r : spec_parse_resources(a, o, path, ret, err);
}

static int set_unsigned(const char *name, const struct option_integer *from, uint64_t max,
                        struct opt_u64 *ret, struct error **err)
{
    if (from->set && (from->value < 0 || (uint64_t)from->value > max)) {
        return error_set(err, ERROR_USAGE, 0, "option '--%s': '%lld' is out of range", name,
                         (long long)from->value);
    }
    *ret = (struct opt_u64){from->set, (uint64_t)from->value};
    return 0;
}

static struct opt_i64 as_signed(const struct option_integer *from)
{
    return (struct opt_i64){from->set, from->value};
}

static int options_to_resources(const struct update_values *v, struct spec_resources *r,
                                struct error **err)
{
    struct opt_u64 weight = {0};
    const struct {
        const char *name;
        const struct option_integer *from;
        uint64_t max;
        struct opt_u64 *to;
    } unsigned_ones[] = {
        {"blkio-weight", &v->blkio_weight, UINT16_MAX, &weight},
        {"cpu-period", &v->cpu_period, INT64_MAX, &r->cpu_period_us},
        {"cpu-burst", &v->cpu_burst, INT64_MAX, &r->cpu_burst_us},
        {"cpu-share", &v->cpu_shares, INT64_MAX, &r->cpu_shares},
        {"cpu-rt-period", &v->cpu_rt_period, INT64_MAX, &r->cpu_realtime_period_us},
    };
    for (size_t i = 0; i < ARRAY_SIZE(unsigned_ones); i++) {
        int result = set_unsigned(unsigned_ones[i].name, unsigned_ones[i].from,
                                  unsigned_ones[i].max, unsigned_ones[i].to, err);
        if (result < 0) {
            return result;
        }
    }
    r->blkio_weight = (struct opt_u32){weight.set && weight.value, (uint32_t)weight.value};
    r->cpu_quota_us = as_signed(&v->cpu_quota);
    r->cpu_realtime_runtime_us = as_signed(&v->cpu_rt_runtime);
    r->cpu_idle = as_signed(&v->cpu_idle);
    r->pids_limit = as_signed(&v->pids_limit);
    r->memory_limit = as_signed(&v->memory);
    r->memory_reservation = as_signed(&v->reservation);
    r->memory_swap = as_signed(&v->swap);
    r->cpus = v->cpus && *v->cpus ? v->cpus : NULL;
    r->mems = v->mems && *v->mems ? v->mems : NULL;
    return 0;
}

static int update_container(struct oci_container *c, const struct update_values *v,
                            struct error **err)
{
    CLEANUP(arena) struct arena *a = arena_new();
    struct spec_resources r = {0};
    int result =
        v->resources ? read_resources(v->resources, a, &r, err) : options_to_resources(v, &r, err);
    /* Docker sends a 0 that means none. */
    if (result >= 0 && (v->kernel.set || v->kernel_tcp.set || r.memory_kernel.value > 0)) {
        oci_log_warning(c->oci->log,
                        "kernel memory limits are ignored: kernels have none any more");
    }
    r.memory_kernel.set = false;
    r.memory_kernel.value = 0;
    if (result >= 0 && (v->l3_cache_schema || v->mem_bw_schema)) {
        result = c->oci->wall->update_rdt(c->workload, v->l3_cache_schema, v->mem_bw_schema, err);
    }
    return result < 0 ? result : c->oci->wall->update(c->workload, &r, err);
}

static int update_run(const struct command_context *context, void *values, int argc, char **argv,
                      struct error **err)
{
    CLEANUP(oci_container) struct oci_container *c = NULL;
    int r = oci_container_open(oci_of(context), argv[0], OCI_CHANGE, &c, err);
    if (r < 0) {
        return r;
    }
    if (c->status == OCI_STOPPED) {
        return error_set(err, ERROR_BUSY, 0, "container not running: '%s'", c->id);
    }
    return update_container(c, values, err);
}

#define AT(member) offsetof(struct update_values, member)
static const struct option update_options[] = {
    {'r', "resources", OPTION_STRING, AT(resources), "FILE",
     "Take everything from this JSON, '-' for standard input", COMPLETE_FILE},
    {0, "blkio-weight", OPTION_INTEGER, AT(blkio_weight), "WEIGHT",
     "Share of block I/O, 10 to 1000"},
    {0, "cpu-period", OPTION_INTEGER, AT(cpu_period), "US", "Length of a CPU period"},
    {0, "cpu-quota", OPTION_INTEGER, AT(cpu_quota), "US", "CPU time in each period"},
    {0, "cpu-burst", OPTION_INTEGER, AT(cpu_burst), "US", "CPU time that may be saved up"},
    {0, "cpu-share", OPTION_INTEGER, AT(cpu_shares), "SHARES", "Share of the CPUs"},
    {0, "cpu-rt-period", OPTION_INTEGER, AT(cpu_rt_period), "US", "Length of a real-time period"},
    {0, "cpu-rt-runtime", OPTION_INTEGER, AT(cpu_rt_runtime), "US", "Real-time in each period"},
    {0, "cpu-idle", OPTION_INTEGER, AT(cpu_idle), "0|1", "Run when nothing else wants to"},
    {0, "cpuset-cpus", OPTION_STRING, AT(cpus), "LIST", "CPUs to use: 0-3,5"},
    {0, "cpuset-mems", OPTION_STRING, AT(mems), "LIST", "Memory nodes to use"},
    {0, "memory", OPTION_BYTES, AT(memory), "BYTES", "Memory limit; -1: none"},
    {0, "memory-reservation", OPTION_BYTES, AT(reservation), "BYTES", "Memory that is kept for it"},
    {0, "memory-swap", OPTION_BYTES, AT(swap), "BYTES", "Memory and swap together; -1: no limit"},
    {0, "kernel-memory", OPTION_BYTES, AT(kernel), "BYTES", "Ignored", .hidden = true},
    {0, "kernel-memory-tcp", OPTION_BYTES, AT(kernel_tcp), "BYTES", "Ignored", .hidden = true},
    {0, "pids-limit", OPTION_INTEGER, AT(pids_limit), "N", "Processes at most; -1: no limit"},
    {0, "l3-cache-schema", OPTION_STRING, AT(l3_cache_schema), "SCHEMA", "Intel RDT: L3 cache"},
    {0, "mem-bw-schema", OPTION_STRING, AT(mem_bw_schema), "SCHEMA", "Intel RDT: memory bandwidth"},
    {0},
};

const struct command oci_update = {
    .name = "update",
    .group = "Commands",
    .summary = "Change the limits of a container",
    .arguments = "[OPTIONS] CONTAINER",
    .options = update_options,
    .values_size = sizeof(struct update_values),
    .min_arguments = 1,
    .max_arguments = 1,
    .argument_completion = COMPLETE_CONTAINER,
    .run = update_run,
};
