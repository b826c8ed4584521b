// SPDX-License-Identifier: Apache-2.0
/* What the parent sets on the child's process: with the host's rights, which a child in a user
 * namespace has not, and late, so that no limit hinders the set-up. */
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "wall/container/step.h"

STEP_DESCRIBE(oom_score)
{
    describe_text(d, "oom_score_adj = %d", s->number);
    describe_int(d, "value", s->number);
}

STEP_HOST(oom_score)
{
    char path[64], value[16];
    snprintf(path, sizeof(path), "%d/oom_score_adj", c->pid);
    snprintf(value, sizeof(value), "%d", s->number);
    int r = file_write_existing(c->proc_fd, path, value, err);
    return r == -EACCES ? error_hint(err, r, "lowering it needs CAP_SYS_RESOURCE") : r;
}

STEP_DESCRIBE(rlimit)
{
    describe_text(d, "%s", s->rlimit.name);
    char soft[24] = "unlimited", hard[24] = "unlimited";
    if (s->rlimit.soft != RLIM_INFINITY) {
        snprintf(soft, sizeof(soft), "%" PRIu64, s->rlimit.soft);
    }
    if (s->rlimit.hard != RLIM_INFINITY) {
        snprintf(hard, sizeof(hard), "%" PRIu64, s->rlimit.hard);
    }
    describe_text(d, " to %s:%s", soft, hard);
    describe_str(d, "type", s->rlimit.name);
    describe_str(d, "soft", soft);
    describe_str(d, "hard", hard);
}

STEP_HOST(rlimit)
{
    struct rlimit limit = {s->rlimit.soft, s->rlimit.hard}, now;
    if (prlimit(c->pid, (__rlimit_resource_t)s->rlimit.resource, &limit, &now) == 0) {
        return 0;
    }
    int r = error_set_errno(err, ERROR_KERNEL, errno, "%s", "the kernel refused");
    if (r == -EPERM && prlimit(c->pid, (__rlimit_resource_t)s->rlimit.resource, NULL, &now) == 0) {
        return error_hint(err, r,
                          "the hard limit here is %llu, and raising it needs CAP_SYS_RESOURCE",
                          (unsigned long long)now.rlim_max);
    }
    return r;
}

STEP_DESCRIBE(scheduler)
{
    const struct step_scheduler *x = &s->scheduler;
    describe_text(d, "%s", x->policy_name);
    describe_extra(d, "nice %d, priority %u", x->nice, x->priority);
    describe_str(d, "policy", x->policy_name);
    describe_int(d, "nice", x->nice);
    describe_int(d, "priority", x->priority);
    describe_int(d, "runtime", (int64_t)x->runtime);
    describe_int(d, "deadline", (int64_t)x->deadline);
    describe_int(d, "period", (int64_t)x->period);
}

/* struct sched_attr, first version: man 2 sched_setattr. */
struct scheduler_attributes {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
};

STEP_HOST(scheduler)
{
    const struct step_scheduler *x = &s->scheduler;
    struct scheduler_attributes attributes = {
        sizeof(attributes), x->policy,  x->flags,    x->nice,
        x->priority,        x->runtime, x->deadline, x->period,
    };
    if (syscall(SYS_sched_setattr, c->pid, &attributes, 0) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "the kernel refused");
    }
    return 0;
}

STEP_DESCRIBE(io_priority)
{
    describe_text(d, "%s %d", s->io_priority.class_name, s->io_priority.value & 0x1fff);
    describe_str(d, "class", s->io_priority.class_name);
    describe_int(d, "priority", s->io_priority.value & 0x1fff);
}

STEP_HOST(io_priority)
{
    enum { WHO_PROCESS = 1 }; /* man 2 ioprio_set */
    if (syscall(SYS_ioprio_set, WHO_PROCESS, c->pid, s->io_priority.value) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "the kernel refused");
    }
    return 0;
}

STEP_DESCRIBE(affinity)
{
    describe_text(d, "processors %s", s->text);
    describe_str(d, "cpus", s->text);
}

void affinity_parse(const char *text, cpu_set_t *set)
{
    CPU_ZERO(set);
    for (const char *at = text; *at;) {
        char *end;
        unsigned long first = strtoul(at, &end, 10), last = first;
        if (*end == '-') {
            last = strtoul(end + 1, &end, 10);
        }
        for (unsigned long i = first; i <= last && i < CPU_SETSIZE; i++) {
            CPU_SET(i, set);
        }
        at = *end ? end + 1 : end;
    }
}

STEP_HOST(affinity)
{
    cpu_set_t set;
    affinity_parse(s->text, &set);
    if (sched_setaffinity(c->pid, sizeof(set), &set) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "the kernel refused");
    }
    return 0;
}
