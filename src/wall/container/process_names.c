// SPDX-License-Identifier: Apache-2.0
#include "wall/container/process_names.h"

#include <sched.h>
#include <stddef.h>
#include <sys/resource.h>

#include "base/str.h"

struct name_number {
    const char *name;
    int number;
};

static const struct name_number rlimits[] = {
    {"RLIMIT_AS", RLIMIT_AS},
    {"RLIMIT_CORE", RLIMIT_CORE},
    {"RLIMIT_CPU", RLIMIT_CPU},
    {"RLIMIT_DATA", RLIMIT_DATA},
    {"RLIMIT_FSIZE", RLIMIT_FSIZE},
    {"RLIMIT_LOCKS", RLIMIT_LOCKS},
    {"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK},
    {"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE},
    {"RLIMIT_NICE", RLIMIT_NICE},
    {"RLIMIT_NOFILE", RLIMIT_NOFILE},
    {"RLIMIT_NPROC", RLIMIT_NPROC},
    {"RLIMIT_RSS", RLIMIT_RSS},
    {"RLIMIT_RTPRIO", RLIMIT_RTPRIO},
    {"RLIMIT_RTTIME", RLIMIT_RTTIME},
    {"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
    {"RLIMIT_STACK", RLIMIT_STACK},
};

static const struct name_number policies[] = {
    {"SCHED_OTHER", SCHED_OTHER},
    {"SCHED_FIFO", SCHED_FIFO},
    {"SCHED_RR", SCHED_RR},
    {"SCHED_BATCH", SCHED_BATCH},
    {"SCHED_ISO", 4 /* linux/sched.h */},
    {"SCHED_IDLE", SCHED_IDLE},
    {"SCHED_DEADLINE", 6 /* not in every libc */},
};

static const struct name_number flags[] = {
    /* linux/sched.h */
    {"SCHED_FLAG_RESET_ON_FORK", 0x01},  {"SCHED_FLAG_RECLAIM", 0x02},
    {"SCHED_FLAG_DL_OVERRUN", 0x04},     {"SCHED_FLAG_KEEP_POLICY", 0x08},
    {"SCHED_FLAG_KEEP_PARAMS", 0x10},    {"SCHED_FLAG_UTIL_CLAMP_MIN", 0x20},
    {"SCHED_FLAG_UTIL_CLAMP_MAX", 0x40},
};

static const struct name_number io_classes[] = {
    /* linux/ioprio.h */
    {"IOPRIO_CLASS_RT", 1},
    {"IOPRIO_CLASS_BE", 2},
    {"IOPRIO_CLASS_IDLE", 3},
};

static int find(const struct name_number *items, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (str_equal(items[i].name, name)) {
            return items[i].number;
        }
    }
    return -1;
}

int rlimit_number(const char *name)
{
    return find(rlimits, ARRAY_SIZE(rlimits), name);
}

int scheduler_policy(const char *name)
{
    return find(policies, ARRAY_SIZE(policies), name);
}

uint64_t scheduler_flag(const char *name)
{
    int number = find(flags, ARRAY_SIZE(flags), name);
    return number < 0 ? 0 : (uint64_t)number;
}

int io_priority_class(const char *name)
{
    return find(io_classes, ARRAY_SIZE(io_classes), name);
}
