// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/file.h"
#include "wall/container/cgroup_files.h"

#define NS_PER_US 1000
/* cpuacct.stat counts in USER_HZ, which is 100 on every architecture that we run on. */
#define NS_PER_TICK 10000000
#define STAT_BYTES 8192 /* memory.stat has some 60 lines */

static int64_t scaled(int64_t value, int64_t factor)
{
    return value < 0 ? -1 : value * factor;
}

/* v2 tells the CPU time of every group, whether the controller is there or not. */
static void read_cpu_v2(const struct cgroup_group *g, struct wall_stats *s)
{
    char text[STAT_BYTES];
    if (cgroup_file_read(g->path, "cpu.stat", text, sizeof(text)) < 0) {
        return;
    }
    s->cpu_ns = scaled(cgroup_text_value(text, "usage_usec"), NS_PER_US);
    s->cpu_user_ns = scaled(cgroup_text_value(text, "user_usec"), NS_PER_US);
    s->cpu_system_ns = scaled(cgroup_text_value(text, "system_usec"), NS_PER_US);
    s->cpu_throttled_count = cgroup_text_value(text, "nr_throttled");
    s->cpu_throttled_ns = scaled(cgroup_text_value(text, "throttled_usec"), NS_PER_US);
}

static void read_cpu(const struct cgroup_set *set, struct wall_stats *s)
{
    char text[STAT_BYTES];
    const struct cgroup_group *v2 = cgroup_set_unified(set);
    const struct cgroup_group *account = cgroup_set_group(set, CGROUP_CPUACCT);
    const struct cgroup_group *cpu = cgroup_set_group(set, CGROUP_CPU);
    if (v2) {
        read_cpu_v2(v2, s);
    } else if (account) {
        s->cpu_ns = cgroup_file_number(account->path, "cpuacct.usage");
        if (cgroup_file_read(account->path, "cpuacct.stat", text, sizeof(text)) > 0) {
            s->cpu_user_ns = scaled(cgroup_text_value(text, "user"), NS_PER_TICK);
            s->cpu_system_ns = scaled(cgroup_text_value(text, "system"), NS_PER_TICK);
        }
    }
    if (cpu && !cpu->v2 && cgroup_file_read(cpu->path, "cpu.stat", text, sizeof(text)) > 0) {
        s->cpu_throttled_count = cgroup_text_value(text, "nr_throttled");
        s->cpu_throttled_ns = cgroup_text_value(text, "throttled_time");
    }
}

static void read_memory(const struct cgroup_group *g, struct wall_stats *s)
{
    char text[STAT_BYTES];
    s->memory_bytes =
        cgroup_file_number(g->path, g->v2 ? "memory.current" : "memory.usage_in_bytes");
    s->memory_limit_bytes =
        cgroup_file_number(g->path, g->v2 ? "memory.max" : "memory.limit_in_bytes");
    s->memory_peak_bytes =
        cgroup_file_number(g->path, g->v2 ? "memory.peak" : "memory.max_usage_in_bytes");
    if (cgroup_file_read(g->path, "memory.stat", text, sizeof(text)) > 0) {
        /* What Docker takes off the usage it shows: cache that can go at once. */
        s->memory_cache_bytes =
            cgroup_text_value(text, g->v2 ? "inactive_file" : "total_inactive_file");
        s->swap_bytes = g->v2 ? -1 : cgroup_text_value(text, "total_swap");
    }
    if (g->v2) {
        s->swap_bytes = cgroup_file_number(g->path, "memory.swap.current");
    }
}

/* io.stat: "8:0 rbytes=1 wbytes=2 rios=3 wios=4 …", a line a device. */
static int64_t sum_v2(const char *text, const char *key)
{
    int64_t sum = 0;
    for (const char *at = text; (at = strstr(at, key)); at += strlen(key)) {
        long long value = 0;
        if (sscanf(at + strlen(key), "%20lld", &value) == 1) {
            sum += value;
        }
    }
    return sum;
}

/* blkio.throttle.*: "8:0 Read 1", a line a device and operation. */
static int64_t sum_v1(const char *text, const char *operation)
{
    int64_t sum = 0;
    for (const char *at = text; (at = strstr(at, operation)); at += strlen(operation)) {
        long long value = 0;
        if (sscanf(at + strlen(operation), "%20lld", &value) == 1) {
            sum += value;
        }
    }
    return sum;
}

static void read_io(const struct cgroup_group *g, struct wall_stats *s)
{
    char text[STAT_BYTES];
    if (g->v2) {
        if (cgroup_file_read(g->path, "io.stat", text, sizeof(text)) >= 0) {
            s->read_bytes = sum_v2(text, " rbytes=");
            s->write_bytes = sum_v2(text, " wbytes=");
            s->read_ops = sum_v2(text, " rios=");
            s->write_ops = sum_v2(text, " wios=");
        }
        return;
    }
    if (cgroup_file_read(g->path, "blkio.throttle.io_service_bytes_recursive", text,
                         sizeof(text)) >= 0) {
        s->read_bytes = sum_v1(text, " Read ");
        s->write_bytes = sum_v1(text, " Write ");
    }
    if (cgroup_file_read(g->path, "blkio.throttle.io_serviced_recursive", text, sizeof(text)) >=
        0) {
        s->read_ops = sum_v1(text, " Read ");
        s->write_ops = sum_v1(text, " Write ");
    }
}

static int64_t oom_kills(const struct cgroup_group *g)
{
    char text[512];
    const char *file = g->v2 ? "memory.events" : "memory.oom_control";
    return cgroup_file_read(g->path, file, text, sizeof(text)) < 0
               ? -1
               : cgroup_text_value(text, "oom_kill");
}

static int64_t pids_refused(const struct cgroup_group *g)
{
    char text[128];
    return cgroup_file_read(g->path, "pids.events", text, sizeof(text)) < 0
               ? -1
               : cgroup_text_value(text, "max");
}

int cgroup_stats(const struct cgroup_set *set, struct wall_stats *ret, struct error **err)
{
    memset(ret, 0xff, sizeof(*ret)); /* every field is -1 until the host tells */
    const struct cgroup_group *leading = cgroup_set_leading(set);
    if (!leading || access(leading->path, F_OK) < 0) {
        return error_set(err, ERROR_NOT_FOUND, ENOENT, "the workload's cgroups are gone");
    }
    read_cpu(set, ret);
    const struct cgroup_group *g = cgroup_set_group(set, CGROUP_MEMORY);
    if (g) {
        read_memory(g, ret);
        ret->oom_kills = oom_kills(g);
    }
    if ((g = cgroup_set_group(set, CGROUP_PIDS))) {
        ret->pids = cgroup_file_number(g->path, "pids.current");
        ret->pids_limit = cgroup_file_number(g->path, "pids.max");
        ret->pids_refused = pids_refused(g);
    }
    if ((g = cgroup_set_group(set, CGROUP_IO))) {
        read_io(g, ret);
    }
    return 0;
}

void cgroup_limits_hit(const struct cgroup_set *set, bool *ret_oom_killed, bool *ret_pids_refused)
{
    const struct cgroup_group *memory = cgroup_set_group(set, CGROUP_MEMORY);
    const struct cgroup_group *pids = cgroup_set_group(set, CGROUP_PIDS);
    *ret_oom_killed = memory && oom_kills(memory) > 0;
    *ret_pids_refused = pids && pids_refused(pids) > 0;
}

/* v1: an eventfd, registered with the file's descriptor in cgroup.event_control. */
static int watch_v1(const struct cgroup_group *g)
{
    CLEANUP(fd) int file = cgroup_file_open(g->path, "memory.oom_control", O_RDONLY);
    if (file < 0) {
        return file;
    }
    CLEANUP(fd) int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (event < 0) {
        return -errno;
    }
    char line[32];
    (void)snprintf(line, sizeof(line), "%d %d", event, file);
    int r = cgroup_file_write(g->path, "cgroup.event_control", line);
    return r < 0 ? r : take_fd(&event);
}

int cgroup_oom_watch(const struct cgroup_set *set, short *ret_events, struct error **err)
{
    const struct cgroup_group *g = cgroup_set_group(set, CGROUP_MEMORY);
    if (!g) {
        return error_set(err, ERROR_UNSUPPORTED, ENOENT, "this host has no memory controller");
    }
    *ret_events = g->v2 ? POLLPRI : POLLIN;
    int r = g->v2 ? cgroup_file_open(g->path, "memory.events", O_RDONLY) : watch_v1(g);
    return r < 0 ? error_set_errno(err, ERROR_KERNEL, -r, "cannot watch the memory of cgroup '%s'",
                                   g->path)
                 : r;
}
