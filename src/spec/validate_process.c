// SPDX-License-Identifier: Apache-2.0
/* config.md#process. */
#include <string.h>

#include "spec/cpu_list.h"
#include "spec/validate.h"

static bool is_mapped(const struct spec_id_map *maps, size_t count, uint32_t id)
{
    for (size_t i = 0; i < count; i++) {
        if (id >= maps[i].container_id && id - maps[i].container_id < maps[i].size) {
            return true;
        }
    }
    return count == 0;
}

static int validate_user(const struct spec *s, struct error **err)
{
    const struct spec_process *p = &s->process;
    const struct spec_linux *l = &s->linux_;
    if (!is_mapped(l->uid_mappings, l->uid_mapping_count, p->uid)) {
        return invalid(err, "process.user", "uid %u is not in linux.uidMappings", p->uid);
    }
    if (!is_mapped(l->gid_mappings, l->gid_mapping_count, p->gid)) {
        return invalid(err, "process.user", "gid %u is not in linux.gidMappings", p->gid);
    }
    for (size_t i = 0; i < p->additional_gid_count; i++) {
        if (!is_mapped(l->gid_mappings, l->gid_mapping_count, p->additional_gids[i])) {
            return invalid(err, "process.user", "gid %u is not in linux.gidMappings",
                           p->additional_gids[i]);
        }
    }
    if (p->umask.set && p->umask.value > 0777) {
        return invalid(err, "process.user", "umask %o is above 777", p->umask.value);
    }
    return 0;
}

static int validate_rlimits(const struct spec_process *p, struct error **err)
{
    static const char *const types[] = {"RLIMIT_AS",
                                        "RLIMIT_CORE",
                                        "RLIMIT_CPU",
                                        "RLIMIT_DATA",
                                        "RLIMIT_FSIZE",
                                        "RLIMIT_LOCKS",
                                        "RLIMIT_MEMLOCK",
                                        "RLIMIT_MSGQUEUE",
                                        "RLIMIT_NICE",
                                        "RLIMIT_NOFILE",
                                        "RLIMIT_NPROC",
                                        "RLIMIT_RSS",
                                        "RLIMIT_RTPRIO",
                                        "RLIMIT_RTTIME",
                                        "RLIMIT_SIGPENDING",
                                        "RLIMIT_STACK",
                                        NULL};
    for (size_t i = 0; i < p->rlimit_count; i++) {
        const struct spec_rlimit *l = &p->rlimits[i];
        if (!str_in(l->type, types)) {
            return invalid(err, "process.rlimits", "'%s' is not known", l->type);
        }
        if (l->soft > l->hard) {
            return invalid(err, "process.rlimits", "'%s': soft is above hard", l->type);
        }
        for (size_t j = 0; j < i; j++) {
            if (strcmp(p->rlimits[j].type, l->type) == 0) {
                return invalid(err, "process.rlimits", "'%s' stands twice", l->type);
            }
        }
    }
    return 0;
}

static int validate_scheduler(const struct spec_scheduler *s, struct error **err)
{
    static const char *const policies[] = {"SCHED_OTHER",    "SCHED_BATCH", "SCHED_IDLE",
                                           "SCHED_ISO",      "SCHED_FIFO",  "SCHED_RR",
                                           "SCHED_DEADLINE", NULL};
    static const char *const real_time[] = {"SCHED_FIFO", "SCHED_RR", NULL};
    static const char *const flags[] = {"SCHED_FLAG_RESET_ON_FORK",  "SCHED_FLAG_RECLAIM",
                                        "SCHED_FLAG_DL_OVERRUN",     "SCHED_FLAG_KEEP_POLICY",
                                        "SCHED_FLAG_KEEP_PARAMS",    "SCHED_FLAG_UTIL_CLAMP_MIN",
                                        "SCHED_FLAG_UTIL_CLAMP_MAX", NULL};
    static const char where[] = "process.scheduler";
    if (!s->policy) {
        return 0;
    }
    if (!str_in(s->policy, policies)) {
        return invalid(err, where, "the policy '%s' is not known", s->policy);
    }
    for (size_t i = 0; i < s->flag_count; i++) {
        if (!str_in(s->flags[i], flags)) {
            return invalid(err, where, "the flag '%s' is not known", s->flags[i]);
        }
    }
    if (s->nice < -20 || s->nice > 19) {
        return invalid(err, where, "nice %d is outside -20 to 19", s->nice);
    }
    if (s->priority && !str_in(s->policy, real_time)) {
        return invalid(err, where, "'priority' is for SCHED_FIFO and SCHED_RR");
    }
    if ((s->runtime || s->deadline || s->period) && strcmp(s->policy, "SCHED_DEADLINE") != 0) {
        return invalid(err, where, "'runtime', 'deadline' and 'period' are for SCHED_DEADLINE");
    }
    return 0;
}

static int validate_priorities(const struct spec_process *p, struct error **err)
{
    static const char *const classes[] = {"IOPRIO_CLASS_RT", "IOPRIO_CLASS_BE", "IOPRIO_CLASS_IDLE",
                                          NULL};
    if (p->io_priority_class && !str_in(p->io_priority_class, classes)) {
        return invalid(err, "process.ioPriority", "the class '%s' is not known",
                       p->io_priority_class);
    }
    if (p->io_priority < 0 || p->io_priority > 7) {
        return invalid(err, "process.ioPriority", "%d is outside 0 to 7", p->io_priority);
    }
    if (p->oom_score_adj.set && (p->oom_score_adj.value < -1000 || p->oom_score_adj.value > 1000)) {
        return invalid(err, "process.oomScoreAdj", "%lld is outside -1000 to 1000",
                       (long long)p->oom_score_adj.value);
    }
    const char *const lists[] = {p->cpu_affinity_initial, p->cpu_affinity_final};
    for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
        if (lists[i] && !cpu_list_is_valid(lists[i])) {
            return invalid(err, "process.execCPUAffinity", "'%s' is not a list of CPUs", lists[i]);
        }
    }
    return validate_scheduler(&p->scheduler, err);
}

int validate_process(const struct spec *s, struct error **err)
{
    const struct spec_process *p = &s->process;
    if (!s->process_set) {
        return 0;
    }
    if (p->arg_count == 0) {
        return invalid(err, "process", "'args' is empty");
    }
    if (!p->cwd || *p->cwd != '/') {
        return invalid(err, "process.cwd", "'%s' is not an absolute path", str_or(p->cwd, ""));
    }
    int r = validate_user(s, err);
    if (r >= 0) {
        r = validate_rlimits(p, err);
    }
    return r < 0 ? r : validate_priorities(p, err);
}
