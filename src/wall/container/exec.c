// SPDX-License-Identifier: Apache-2.0
/* Another process in a running workload: a small plan with the same steps as a creation's, from
 * joining the namespaces to the exec. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/file.h"
#include "wall/container/channel.h"
#include "wall/container/clone.h"
#include "wall/container/plan_parts.h"
#include "wall/container/step.h"
#include "wall/container/workload.h"

/* The relay joins all but the cgroup namespace: from inside, the kernel would not let it put the
 * child into a group that the namespace does not show. The child joins that one itself. */
static void plan_joins(struct plan *p, const struct record *r)
{
    static const struct {
        uint64_t mask;
        bool relay;
    } parts[] = {{~(uint64_t)CLONE_NEWCGROUP, true}, {CLONE_NEWCGROUP, false}};
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        uint64_t flags = r->namespaces & parts[i].mask;
        if (flags) {
            plan_add(p, STEP_NAMESPACE_JOIN)->namespace_ = (struct step_namespace){
                .name = "workload's",
                .path = p->id,
                .flag = (int)flags,
                .index = 0, /* the pidfd */
                .relay = parts[i].relay,
            };
        }
        if (parts[i].relay) {
            plan_add(p, STEP_CGROUP_JOIN);
        }
    }
    p->relay = true;
}

/* All capabilities that are ours to give. */
static int own_capabilities(uint64_t *ret, struct error **err)
{
    CLEANUP(free) char *status = NULL;
    int r = file_read(AT_FDCWD, "/proc/self/status", 1 << 16, &status, NULL, err);
    const char *line = r < 0 ? NULL : strstr(status, "\nCapPrm:");
    *ret = line ? strtoull(line + strlen("\nCapPrm:"), NULL, 16) : 0;
    return r;
}

/* config.md#process: the CPUs of an exec, not of the container's own process. Without a final list
 * the initial one must not stay. */
static void plan_affinity(struct plan *p, const struct spec_process *process)
{
    const char *cpus = process->cpu_affinity_final;
    if (!cpus && process->cpu_affinity_initial) {
        cpus = arena_format(p->arena, "0-%d", CPU_SETSIZE - 1); /* all that the groups allow */
    }
    if (cpus) {
        plan_add(p, STEP_AFFINITY)->text = arena_strdup(p->arena, cpus);
    }
}

static int plan_exec(struct workload *w, const struct wall_exec *exec, struct plan *p,
                     struct error **err)
{
    struct spec_process process = *exec->process;
    const struct record *r = &w->record;
    if (exec->privileged) {
        struct spec_capabilities *c = &process.capabilities;
        int result = own_capabilities(&c->bounding, err);
        if (result < 0) {
            return result;
        }
        c->effective = c->permitted = c->bounding;
        c->inheritable = c->ambient = 0;
        c->set = true;
    } else if (r->seccomp) {
        p->seccomp = arena_alloc(p->arena, sizeof(*p->seccomp));
        int result = record_load_seccomp(r, w->state_dir, p->seccomp, err);
        if (result < 0) {
            return result;
        }
    }
    p->user_namespace = r->user_namespace;
    plan_joins(p, r);
    if (r->user_namespace) {
        plan_add(p, STEP_ROOT_IDS);
    }
    if (r->host_root) {
        plan_add(p, STEP_ROOT_JOIN)->number = r->pid;
    }
    int result = plan_process_host(p, &process, err);
    if (result < 0) {
        return result;
    }
    plan_affinity(p, &process);
    plan_session(p, &process, false);
    plan_stdio(p, &process, false);
    plan_null_stdio(p, &process);
    plan_program(p, &process);
    const char *domain = !r->personality_set ? NULL : r->personality ? "LINUX32" : "LINUX";
    return plan_process(p, &process, domain, exec->preserve_fd_count, err);
}

static struct plan *new_exec_plan(const struct workload *w)
{
    struct arena *a = arena_new();
    struct plan *p = arena_alloc(a, sizeof(*p));
    p->arena = a;
    p->holders = 1;
    p->id = arena_strdup(a, w->record.id);
    return p;
}

/* The workload's groups, or one below each of them. */
static int open_door(struct workload *w, const struct wall_exec *exec, struct arena *a,
                     struct cgroup_door *ret, struct error **err)
{
    struct cgroup_set set = w->record.cgroups;
    int r = exec_groups(a, exec->cgroups, &set, err);
    return r < 0 ? r : cgroup_open(&set, ret, err);
}

static int apply_host_steps(struct creation *c, enum step_phase phase, struct error **err)
{
    for (size_t i = 0; i < c->plan->step_count; i++) {
        const struct step *s = &c->plan->steps[i];
        if (step_kinds[s->kind].phase == phase) {
            int r = step_kinds[s->kind].apply_host(c, s, err);
            if (r < 0) {
                CLEANUP(free) char *doing = step_doing(c->plan, s);
                return error_wrap(err, r, "%s", doing);
            }
        }
    }
    return 0;
}

/* 0 when executed. */
static int converse(struct workload *w, struct creation *c, int channel,
                    const struct wall_exec *exec, struct error **err)
{
    for (;;) {
        struct message m;
        int fd = -1;
        size_t fd_count = 1;
        int r = channel_receive(channel, &m, &fd, &fd_count);
        if (r < 0) {
            return error_set_errno(err, ERROR_KERNEL, -r, "listening to the new process");
        }
        bool listener = m.kind == MESSAGE_LISTENER && fd_count;
        if (m.kind == MESSAGE_TERMINAL && exec->console) {
            exec->console(exec->context, fd);
        } else if (listener) {
            r = workload_hand_listener_on(w, fd, c->pid, "running", err);
        } else {
            fd_close(fd);
        }
        if (r < 0) {
            return r;
        }
        if (m.kind == MESSAGE_FAILED) {
            return step_failure_to_error(c->plan, &m.failure, err);
        }
        if (m.kind == MESSAGE_EXECED) {
            return 0;
        }
        if (m.kind == MESSAGE_READY) {
            r = apply_host_steps(c, PHASE_READY, err);
            if (r < 0) {
                return r;
            }
            (void)channel_say(channel, MESSAGE_GO); /* gone: the next message says so */
        }
    }
}

/* The clone, run on the initial CPUs: where the child is until it is in its groups. */
static int clone_on(const char *cpus, const struct clone_request *request, struct creation *c,
                    struct error **err)
{
    cpu_set_t before, set;
    if (!cpus) {
        return clone_child(request, &c->pid, &c->pidfd, err);
    }
    affinity_parse(cpus, &set);
    if (sched_getaffinity(0, sizeof(before), &before) < 0 ||
        sched_setaffinity(0, sizeof(set), &set) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "running on processors %s", cpus);
    }
    int r = clone_child(request, &c->pid, &c->pidfd, err);
    (void)sched_setaffinity(0, sizeof(before), &before); /* it was allowed before */
    return r;
}

static int run_exec(struct workload *w, const struct wall_exec *exec, struct creation *c,
                    struct error **err)
{
    struct cgroup_door door = {.unified_fd = -1};
    int ends[2], r = channel_pair(ends);
    if (r < 0) {
        return error_set_errno(err, ERROR_KERNEL, -r, "making a channel");
    }
    CLEANUP(fd) int ours = ends[0];
    CLEANUP(fd) int childs = ends[1];
    r = open_door(w, exec, c->plan->arena, &door, err);
    if (r < 0) {
        return r;
    }
    struct clone_request request = {
        .apply = {.plan = c->plan,
                  .door = &door,
                  .channel = childs,
                  .start_listener = -1,
                  .proc_fd = c->proc_fd,
                  .root_fd = -1,
                  .stdio = {exec->io.in, exec->io.out, exec->io.err},
                  .mask_fd = -1,
                  .namespace_fds = c->namespace_fds,
                  .inside = true},
        .parent_channel = ours,
        .cgroup_fd = door.unified_fd,
    };
    r = clone_on(exec->process->cpu_affinity_initial, &request, c, err);
    cgroup_door_close(&door);
    childs = fd_close(childs);
    if (r >= 0) {
        r = apply_host_steps(c, PHASE_BESIDE, err);
    }
    return r < 0 ? r : converse(w, c, ours, exec, err);
}

int container_exec(struct workload *w, const struct wall_exec *exec, pid_t *ret_pid,
                   struct error **err)
{
    if (wall_container.state(w) == WALL_STOPPED) {
        return error_set(err, ERROR_BUSY, 0, "it is not running");
    }
    if (wall_container.state(w) == WALL_PAUSED && !exec->ignore_paused) {
        return error_set(err, ERROR_BUSY, 0, "it is paused: unpause it first");
    }
    CLEANUP(plan) struct plan *p = new_exec_plan(w);
    int r = plan_exec(w, exec, p, err);
    if (r >= 0) {
        r = preserved_check(p, err);
    }
    if (r < 0) {
        return r;
    }
    CLEANUP(fd) int proc_fd = proc_open(err);
    if (proc_fd < 0) {
        return proc_fd;
    }
    struct creation c = {.plan = p, .pidfd = -1, .proc_fd = proc_fd, .namespace_fds = &w->pidfd};
    r = run_exec(w, exec, &c, err);
    if (r < 0 && c.pid > 0) {
        (void)syscall(SYS_pidfd_send_signal, c.pidfd, SIGKILL, NULL, 0); /* ended: fine */
        while (waitpid(c.pid, NULL, 0) < 0 && errno == EINTR) {
        }
    }
    fd_close(c.pidfd);
    *ret_pid = c.pid;
    return r;
}
