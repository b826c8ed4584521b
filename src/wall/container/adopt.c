// SPDX-License-Identifier: Apache-2.0
/* A workload that somebody else makes (CRIU's restore): its groups and limits are ours, and so is
 * the record of it. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/file.h"
#include "wall/container/mount.h"
#include "wall/container/scope.h"
#include "wall/container/step.h"
#include "wall/container/workload.h"

static int apply_cgroups(struct creation *c, struct error **err)
{
    for (size_t i = 0; i < c->plan->step_count; i++) {
        const struct step *s = &c->plan->steps[i];
        bool cgroup = s->kind == STEP_SCOPE || s->kind == STEP_CGROUP ||
                      s->kind == STEP_CGROUP_WRITE || s->kind == STEP_CGROUP_DEVICES;
        int r = cgroup ? step_kinds[s->kind].apply_host(c, s, err) : 0;
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

/* Whether what an earlier mount covers has the place. */
static bool is_covered(const struct plan *p, size_t step)
{
    const char *target = p->steps[step].mount.target;
    for (size_t i = 0; i < step; i++) {
        const char *above = p->steps[i].mount.target;
        size_t len = p->steps[i].kind == STEP_MOUNT ? strlen(above) : 0;
        if (len && strncmp(target, above, len) == 0 && target[len] == '/') {
            return true;
        }
    }
    return false;
}

/* Who restores mounts finds the places on the disk: in a root that is not the one it was saved
 * from, some are missing. */
static int make_place(int root_fd, const struct step_mount *m, struct error **err)
{
    struct stat st;
    bool file = !m->type && m->source && stat(m->source, &st) == 0 && !S_ISDIR(st.st_mode);
    CLEANUP(fd) int fd = target_open(root_fd, m->target, file ? TARGET_FILE : TARGET_FOLDER, false);
    return fd < 0 ? error_set_errno(err, ERROR_KERNEL, -fd, "making '/%s' to mount on", m->target)
                  : 0;
}

static int make_places(const struct plan *p, struct error **err)
{
    CLEANUP(fd) int root_fd = open_file(AT_FDCWD, p->rootfs_path, O_PATH | O_DIRECTORY, 0, err);
    int r = root_fd < 0 ? root_fd : 0;
    for (size_t i = 0; r >= 0 && i < p->step_count; i++) {
        if (p->steps[i].kind == STEP_MOUNT && !is_covered(p, i)) {
            r = make_place(root_fd, &p->steps[i].mount, err);
        }
    }
    return r;
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
        r = make_places(plan, err);
    }
    if (r >= 0) {
        r = make(context, group_below_mount(&w->record.cgroups), &w->record.pid, err);
    }
    if (r >= 0) {
        r = take_process(w, proc_fd, err);
    }
    if (r >= 0 && plan->cgroups->scope) {
        r = scope_settle(&c.scope, plan->cgroups->scope, err);
    }
    scope_leave(&c.scope);
    if (r < 0) {
        IGNORE(wall_container.delete(take_ptr(w), NULL)); /* the first error counts */
        return r;
    }
    *ret = take_ptr(w);
    return 0;
}
