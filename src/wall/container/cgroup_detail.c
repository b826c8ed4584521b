// SPDX-License-Identifier: Apache-2.0
/* All that the groups tell, as runc's `events --stats` prints it (its types/events.go): callers
 * parse these keys. What the host does not tell is left out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wall/container/cgroup_files.h"

#define STAT_BYTES 16384 /* io.stat has a line a device */
#define US 1000
#define NS_PER_TICK 10000000 /* USER_HZ is 100 wherever we run */

static void put(json_t *o, const char *key, int64_t value)
{
    if (value >= 0) {
        (void)json_object_set_new(o, key, json_integer(value)); /* memory: aborts */
    }
}

static void put_object(json_t *o, const char *key, json_t *value)
{
    if (json_object_size(value)) {
        (void)json_object_set_new(o, key, value); /* likewise */
    } else {
        json_decref(value);
    }
}

static int64_t times(int64_t value, int64_t factor)
{
    return value < 0 ? -1 : value * factor;
}

/* One line of a pressure file: "some avg10=0.00 avg60=0.00 avg300=0.00 total=0". */
static json_t *pressure_line(const char *text, const char *word)
{
    double avg10, avg60, avg300;
    unsigned long long total;
    const char *line = strstr(text, word);
    if (!line || sscanf(line + strlen(word), " avg10=%lf avg60=%lf avg300=%lf total=%20llu", &avg10,
                        &avg60, &avg300, &total) != 4) {
        return NULL;
    }
    return json_pack("{s:f,s:f,s:f,s:I}", "avg10", avg10, "avg60", avg60, "avg300", avg300, "total",
                     (json_int_t)total);
}

static void put_pressure(json_t *o, const char *group, const char *file)
{
    char text[512];
    if (cgroup_file_read(group, file, text, sizeof(text)) <= 0) {
        return;
    }
    json_t *psi = json_object(), *some = pressure_line(text, "some");
    json_t *full = pressure_line(text, "full");
    if (some) {
        (void)json_object_set_new(psi, "some", some); /* memory: aborts */
    }
    if (full) {
        (void)json_object_set_new(psi, "full", full); /* likewise */
    }
    put_object(o, "psi", psi);
}

/* Numbers with spaces between them. */
static json_t *number_list(const char *text)
{
    json_t *list = json_array();
    for (char *end; *text; text = end) {
        unsigned long long n = strtoull(text, &end, 10);
        if (end == text) {
            break;
        }
        (void)json_array_append_new(list, json_integer((json_int_t)n)); /* memory: aborts */
    }
    return list;
}

/* v2 tells the time of every group, whether it has the controller or not. */
static json_t *cpu_usage(const struct cgroup_group *v2, const struct cgroup_group *account)
{
    char text[STAT_BYTES];
    json_t *usage = json_object();
    if (v2 && cgroup_file_read(v2->path, "cpu.stat", text, sizeof(text)) > 0) {
        put(usage, "total", times(cgroup_text_value(text, "usage_usec"), US));
        put(usage, "kernel", times(cgroup_text_value(text, "system_usec"), US));
        put(usage, "user", times(cgroup_text_value(text, "user_usec"), US));
    } else if (account) {
        put(usage, "total", cgroup_file_number(account->path, "cpuacct.usage"));
        if (cgroup_file_read(account->path, "cpuacct.usage_percpu", text, sizeof(text)) > 0) {
            (void)json_object_set_new(usage, "percpu", number_list(text)); /* memory: aborts */
        }
        if (cgroup_file_read(account->path, "cpuacct.stat", text, sizeof(text)) > 0) {
            put(usage, "kernel", times(cgroup_text_value(text, "system"), NS_PER_TICK));
            put(usage, "user", times(cgroup_text_value(text, "user"), NS_PER_TICK));
        }
    }
    return usage;
}

static json_t *cpu_throttling(const struct cgroup_group *g)
{
    char text[STAT_BYTES];
    json_t *throttling = json_object();
    if (g && cgroup_file_read(g->path, "cpu.stat", text, sizeof(text)) > 0) {
        put(throttling, "periods", cgroup_text_value(text, "nr_periods"));
        put(throttling, "throttledPeriods", cgroup_text_value(text, "nr_throttled"));
        put(throttling, "throttledTime",
            g->v2 ? times(cgroup_text_value(text, "throttled_usec"), US)
                  : cgroup_text_value(text, "throttled_time"));
    }
    return throttling;
}

static json_t *cpu_of(const struct cgroup_set *set)
{
    const struct cgroup_group *v2 = cgroup_set_unified(set);
    json_t *cpu = json_object();
    put_object(cpu, "usage", cpu_usage(v2, cgroup_set_group(set, CGROUP_CPUACCT)));
    put_object(cpu, "throttling", cpu_throttling(cgroup_set_group(set, CGROUP_CPU)));
    if (v2) {
        put_pressure(cpu, v2->path, "cpu.pressure");
    }
    return cpu;
}

/* "key value" lines as an object. */
static json_t *raw_lines(char *text)
{
    json_t *o = json_object();
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n"));) {
        char *space = strchr(line, ' ');
        if (space) {
            *space = '\0';
            (void)json_object_set_new(
                o, line, json_integer((json_int_t)strtoull(space + 1, NULL, 10))); /* aborts */
        }
    }
    return o;
}

/* An unlimited limit is the largest number there is, as v1 writes it and runc prints it. */
static int64_t limit_of(const char *group, const char *file)
{
    char text[32];
    int64_t limit = cgroup_file_number(group, file);
    return limit < 0 && cgroup_file_read(group, file, text, sizeof(text)) > 0 ? INT64_MAX : limit;
}

static json_t *memory_entry_v1(const struct cgroup_group *g, const char *infix)
{
    static const struct {
        const char *key, *suffix;
    } fields[] = {
        {"usage", "usage_in_bytes"}, {"max", "max_usage_in_bytes"}, {"failcnt", "failcnt"}};
    char file[64];
    json_t *o = json_object();
    for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
        (void)snprintf(file, sizeof(file), "memory.%s%s", infix, fields[i].suffix); /* fits */
        put(o, fields[i].key, cgroup_file_number(g->path, file));
    }
    (void)snprintf(file, sizeof(file), "memory.%slimit_in_bytes", infix); /* fits */
    put(o, "limit", limit_of(g->path, file));
    return o;
}

static json_t *memory_v2(const struct cgroup_group *g, json_t *memory)
{
    char events[512];
    json_t *usage = json_object(), *swap = json_object();
    int64_t current = cgroup_file_number(g->path, "memory.current");
    int64_t swapped = cgroup_file_number(g->path, "memory.swap.current");
    int64_t limit = limit_of(g->path, "memory.max");
    int64_t swap_limit = limit_of(g->path, "memory.swap.max");
    bool unlimited = limit == INT64_MAX || swap_limit == INT64_MAX;
    put(usage, "usage", current);
    put(usage, "limit", limit);
    put(usage, "max", cgroup_file_number(g->path, "memory.peak"));
    if (cgroup_file_read(g->path, "memory.events", events, sizeof(events)) > 0) {
        put(usage, "failcnt", cgroup_text_value(events, "max"));
    }
    if (swapped >= 0) { /* v1's sense, which runc keeps: memory and swap together */
        put(swap, "usage", current + swapped);
        put(swap, "limit", unlimited ? INT64_MAX : limit + swap_limit);
        put(swap, "failcnt", 0);
    }
    put_object(memory, "usage", usage);
    put_object(memory, "swap", swap);
    put_pressure(memory, g->path, "memory.pressure");
    return memory;
}

static json_t *memory_of(const struct cgroup_group *g)
{
    char text[STAT_BYTES];
    json_t *memory = json_object();
    if (cgroup_file_read(g->path, "memory.stat", text, sizeof(text)) > 0) {
        put(memory, "cache", cgroup_text_value(text, g->v2 ? "file" : "cache"));
        put_object(memory, "raw", raw_lines(text));
    }
    if (g->v2) {
        return memory_v2(g, memory);
    }
    put_object(memory, "usage", memory_entry_v1(g, ""));
    put_object(memory, "swap", memory_entry_v1(g, "memsw."));
    put_object(memory, "kernel", memory_entry_v1(g, "kmem."));
    put_object(memory, "kernelTCP", memory_entry_v1(g, "kmem.tcp."));
    return memory;
}

static void add_entry(json_t *list, unsigned major, unsigned minor, const char *op,
                      unsigned long long value)
{
    (void)json_array_append_new(list, json_pack("{s:i,s:i,s:s,s:I}", "major", (int)major, "minor",
                                                (int)minor, "op", op, "value",
                                                (json_int_t)value)); /* memory: aborts */
}

/* "8:0 Read 1" lines. */
static json_t *entries_v1(const struct cgroup_group *g, const char *file)
{
    char text[STAT_BYTES], op[16];
    unsigned major, minor;
    unsigned long long value;
    json_t *list = json_array();
    char *rest = cgroup_file_read(g->path, file, text, sizeof(text)) > 0 ? text : NULL;
    for (char *line; (line = strsep(&rest, "\n"));) {
        if (sscanf(line, "%10u:%10u %15s %20llu", &major, &minor, op, &value) == 4) {
            add_entry(list, major, minor, op, value);
        }
    }
    return list;
}

/* "8:0 rbytes=1 wbytes=2 rios=3 wios=4 …" lines. */
static void entries_v2(const struct cgroup_group *g, json_t *bytes, json_t *operations)
{
    static const struct {
        const char *key, *op;
        bool bytes;
    } fields[] = {
        {" rbytes=", "Read", true},
        {" wbytes=", "Write", true},
        {" rios=", "Read", false},
        {" wios=", "Write", false},
    };
    char text[STAT_BYTES];
    unsigned major, minor;
    char *rest = cgroup_file_read(g->path, "io.stat", text, sizeof(text)) > 0 ? text : NULL;
    for (char *line; (line = strsep(&rest, "\n"));) {
        if (sscanf(line, "%10u:%10u", &major, &minor) != 2) {
            continue;
        }
        for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
            const char *at = strstr(line, fields[i].key);
            if (at) {
                add_entry(fields[i].bytes ? bytes : operations, major, minor, fields[i].op,
                          strtoull(at + strlen(fields[i].key), NULL, 10));
            }
        }
    }
}

static json_t *blkio_of(const struct cgroup_group *g)
{
    json_t *o = json_object();
    if (g->v2) {
        json_t *bytes = json_array(), *operations = json_array();
        entries_v2(g, bytes, operations);
        (void)json_object_set_new(o, "ioServiceBytesRecursive", bytes); /* memory: aborts */
        (void)json_object_set_new(o, "ioServicedRecursive", operations);
        put_pressure(o, g->path, "io.pressure");
        return o;
    }
    static const struct {
        const char *key, *file;
    } fields[] = {
        {"ioServiceBytesRecursive", "blkio.throttle.io_service_bytes_recursive"},
        {"ioServicedRecursive", "blkio.throttle.io_serviced_recursive"},
        {"ioQueueRecursive", "blkio.bfq.io_queued_recursive"},
        {"ioServiceTimeRecursive", "blkio.bfq.io_service_time_recursive"},
        {"ioWaitTimeRecursive", "blkio.bfq.io_wait_time_recursive"},
        {"ioMergedRecursive", "blkio.bfq.io_merged_recursive"},
        {"ioTimeRecursive", "blkio.bfq.time_recursive"},
        {"sectorsRecursive", "blkio.bfq.sectors_recursive"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
        json_t *list = entries_v1(g, fields[i].file);
        if (i < 2 || json_array_size(list)) {
            (void)json_object_set_new(o, fields[i].key, list); /* memory: aborts */
        } else {
            json_decref(list);
        }
    }
    return o;
}

json_t *cgroup_detail(const struct cgroup_set *set)
{
    json_t *o = json_object(), *pids = json_object();
    const struct cgroup_group *g;
    (void)json_object_set_new(o, "cpu", cpu_of(set)); /* memory: aborts */
    if ((g = cgroup_set_group(set, CGROUP_MEMORY))) {
        (void)json_object_set_new(o, "memory", memory_of(g)); /* likewise */
    }
    if ((g = cgroup_set_group(set, CGROUP_PIDS))) {
        put(pids, "current", cgroup_file_number(g->path, "pids.current"));
        put(pids, "limit", cgroup_file_number(g->path, "pids.max"));
    }
    put_object(o, "pids", pids);
    if ((g = cgroup_set_group(set, CGROUP_IO))) {
        (void)json_object_set_new(o, "blkio", blkio_of(g)); /* likewise */
    }
    return o;
}
