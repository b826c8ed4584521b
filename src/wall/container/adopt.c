// SPDX-License-Identifier: Apache-2.0
/* A workload that somebody else makes (CRIU's restore): its groups and limits are ours, and so is
 * the record of it. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/file.h"
#include "wall/container/step.h"
#include "wall/container/workload.h"

static int apply_cgroups(struct creation *c, struct error **err)
{
    for (size_t i = 0; i < c->plan->step_count; i++) {
        const struct step *s = &c->plan->steps[i];
        bool cgroup = s->kind == STEP_CGROUP || s->kind == STEP_CGROUP_WRITE ||
                      s->kind == STEP_CGROUP_DEVICES;
        int r = cgroup ? step_kinds[s->kind].apply_host(c, s, err) : 0;
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int take_process(struct workload *w, int proc_fd, struct error **err)
{
    w->record.pid_start = process_start_time(proc_fd, w->record.pid);
    w->pidfd = (int)syscall(SYS_pidfd_open, w->record.pid, 0);
    if (w->pidfd < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "watching process %d", w->record.pid);
    }
    int r = cgroup_attach(&w->record.cgroups, w->record.pid, err);
    if (r >= 0) {
        r = record_save(&w->record, w->state_dir, err);
    }
    return r >= 0 && w->plan->seccomp ? record_save_seccomp(w->plan->seccomp, w->state_dir, err)
                                      : r;
}

/* The same in every hierarchy, by and large; NULL: there are no groups. */
static const char *group_below_mount(const struct cgroup_set *set)
{
    size_t i = set->unified >= 0 ? (size_t)set->unified : 0;
    return set->count ? set->groups[i].path + strlen(set->groups[i].mount) : NULL;
}

int container_adopt(struct plan *plan, wall_make *make, void *context, struct workload **ret,
                    struct error **err)
{
    CLEANUP(fd) int proc_fd = proc_open(err);
    if (proc_fd < 0) {
        return proc_fd;
    }
    CLEANUP(workload) struct workload *w = workload_new(plan->state_dir);
    struct creation c = {.plan = plan, .pidfd = -1, .proc_fd = proc_fd};
    record_init(&w->record, plan);
    w->record.remote_start = false;
    w->plan = plan_hold(plan);
    int r = record_save(&w->record, w->state_dir, err);
    if (r >= 0) {
        r = apply_cgroups(&c, err);
    }
    if (r >= 0) {
        r = make(context, group_below_mount(&w->record.cgroups), &w->record.pid, err);
    }
    if (r >= 0) {
        r = take_process(w, proc_fd, err);
    }
    if (r < 0) {
        IGNORE(wall_container.delete(take_ptr(w), NULL)); /* the first error counts */
        return r;
    }
    *ret = take_ptr(w);
    return 0;
}
