// SPDX-License-Identifier: Apache-2.0
/* The parent's half of a creation: the host's steps, the clone, what it does beside the child, and
 * the wait for the child's word. What fails is undone. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <linux/nsfs.h>

#include "base/file.h"
#include "wall/container/channel.h"
#include "wall/container/clone.h"
#include "wall/container/detached.h"
#include "wall/container/hook.h"
#include "wall/container/step.h"
#include "wall/container/workload.h"

static void tell_time(const struct creation *c, const char *phase)
{
    if (c->callbacks && c->callbacks->timing) {
        c->callbacks->timing(c->callbacks->context, phase);
    }
}

/* The parent's steps of one phase, in the plan's order. */
static int apply_phase(struct creation *c, enum step_phase phase, struct error **err)
{
    for (size_t i = 0; i < c->plan->step_count; i++) {
        const struct step *s = &c->plan->steps[i];
        if (step_kinds[s->kind].phase != phase) {
            continue;
        }
        int r = step_kinds[s->kind].apply_host(c, s, err);
        if (r < 0) {
            bool speaks = s->kind == STEP_CGROUP || s->kind == STEP_CGROUP_WRITE ||
                          s->kind == STEP_SCOPE ||
                          s->kind == STEP_HOOK; /* their errors name everything already */
            CLEANUP(free) char *doing = speaks ? NULL : step_doing(c->plan, s);
            return speaks ? r : error_wrap(err, r, "%s", doing);
        }
        c->done = phase == PHASE_HOST ? i + 1 : c->done;
    }
    return 0;
}

static void undo(struct creation *c)
{
    for (size_t i = c->done; i > 0; i--) {
        const struct step *s = &c->plan->steps[i - 1];
        if (step_kinds[s->kind].undo) {
            step_kinds[s->kind].undo(c, s);
        }
    }
}

/* Opens a namespace to be joined, and makes sure that it is of the kind it is said to be. */
static int open_namespace(const struct step_namespace *n, struct error **err)
{
    CLEANUP(fd) int fd = open_file(AT_FDCWD, n->path, O_RDONLY, 0, err);
    if (fd < 0) {
        return fd;
    }
    if (ioctl(fd, NS_GET_NSTYPE) != n->flag) {
        return error_set(err, ERROR_INVALID_INPUT, 0, "'%s' is no %s namespace", n->path, n->name);
    }
    return take_fd(&fd);
}

static int open_namespaces(struct creation *c, struct error **err)
{
    for (size_t i = 0; i < c->plan->step_count; i++) {
        const struct step *s = &c->plan->steps[i];
        if (s->kind != STEP_NAMESPACE_JOIN) {
            continue;
        }
        int fd = open_namespace(&s->namespace_, err);
        if (fd < 0) {
            return fd;
        }
        c->namespace_fds[s->namespace_.index] = fd;
    }
    return 0;
}

static void fill_apply(struct apply *a, const struct creation *c, const struct wall_io *io)
{
    *a = (struct apply){
        .plan = c->plan,
        .channel = -1,
        .start_listener = -1,
        .proc_fd = c->proc_fd,
        .root_fd = -1,
        .mask_fd = -1,
        .stdio = {io->in, io->out, io->err},
        .slots = c->slots,
        .namespace_fds = c->namespace_fds,
    };
}

/* The clone, with all that the child inherits; what is the child's alone is closed here again. */
static int make_child(struct creation *c, struct workload *w, const struct wall_io *io,
                      struct error **err)
{
    struct clone_request request = {.cgroup_fd = -1};
    struct cgroup_door door = {.unified_fd = -1};
    int ends[2];
    int r = channel_pair(ends);
    if (r < 0) {
        return error_set_errno(err, ERROR_KERNEL, -r, "making a channel");
    }
    CLEANUP(fd) int childs_end = ends[1];
    w->channel = ends[0];
    CLEANUP(fd) int listener = -1;
    if (c->plan->remote_start && (listener = start_socket_listen(w->state_dir, err)) < 0) {
        return listener;
    }
    r = cgroup_open(&c->plan->cgroups->set, &door, err);
    if (r < 0) {
        return r;
    }
    fill_apply(&request.apply, c, io);
    request.apply.door = &door;
    request.apply.channel = childs_end;
    request.apply.start_listener = listener;
    request.parent_channel = w->channel;
    request.cgroup_fd = door.unified_fd;
    r = clone_child(&request, &c->pid, &w->pidfd, err);
    cgroup_door_close(&door);
    c->pidfd = w->pidfd;
    return r;
}

/* The detached mounts go in as many messages as they need; one goes in any case. */
static int send_go(const struct workload *w, const int *slots, size_t count, struct error **err)
{
    const struct message m = {.kind = MESSAGE_GO};
    size_t sent = 0;
    do {
        size_t n = count - sent < CHANNEL_FDS_MAX ? count - sent : CHANNEL_FDS_MAX;
        int r = channel_send(w->channel, &m, slots ? slots + sent : NULL, n);
        if (r < 0 && r != -EPIPE) { /* a child that is gone has said why */
            return error_set_errno(err, ERROR_KERNEL, -r, "talking to the first process");
        }
        sent += n;
    } while (sent < count);
    return 0;
}

/* The user namespace to map mounts to: the joined one, or the child's new one. */
static int open_user_namespace(const struct creation *c, struct error **err)
{
    for (size_t i = 0; i < c->plan->step_count; i++) {
        const struct step *s = &c->plan->steps[i];
        if (s->kind == STEP_NAMESPACE_JOIN && s->namespace_.flag == CLONE_NEWUSER) {
            return open_namespace(&s->namespace_, err);
        }
    }
    char path[32];
    snprintf(path, sizeof(path), "%d/ns/user", c->pid);
    return open_file(c->proc_fd, path, O_RDONLY, 0, err);
}

/* What a child that waits for its parent needs: ids are mapped by now; mounts are handed over. */
static int hand_over(struct creation *c, struct workload *w, struct error **err)
{
    const struct plan *p = c->plan;
    bool waits = false;
    for (size_t i = 0; i < p->step_count; i++) {
        waits |= p->steps[i].kind == STEP_AWAIT_PARENT;
    }
    if (!waits) {
        return 0;
    }
    CLEANUP(fd) int user_fd = p->user_namespace ? open_user_namespace(c, err) : -1;
    if (p->user_namespace && user_fd < 0) {
        return user_fd;
    }
    int r = p->slot_count ? detached_make(p, c->proc_fd, user_fd, c->slots, err) : 0;
    if (r < 0) {
        return r;
    }
    r = send_go(w, c->slots, (size_t)p->slot_count, err);
    for (int i = 0; i < p->slot_count; i++) {
        c->slots[i] = fd_close(c->slots[i]);
    }
    return r;
}

/* While the child sets itself up: on another processor, with luck. */
static int work_beside(struct creation *c, struct workload *w, struct error **err)
{
    w->record.pid = c->pid;
    w->record.pid_start = process_start_time(c->proc_fd, c->pid);
    int r = apply_phase(c, PHASE_BESIDE, err);
    if (r >= 0) {
        r = hand_over(c, w, err);
    }
    if (r >= 0) {
        r = record_save(&w->record, w->state_dir, err);
    }
    if (r >= 0 && c->plan->seccomp) {
        r = record_save_seccomp(c->plan->seccomp, w->state_dir, err);
    }
    if (r >= 0 && c->callbacks && c->callbacks->beside) {
        r = c->callbacks->beside(c->callbacks->context, c->pid, err);
    }
    return r;
}

/* One message of the child's. 1: it is ready; 0: there will be more. */
static int answer(struct creation *c, struct workload *w, struct error **err)
{
    struct message m;
    int fd = -1;
    size_t fd_count = 1;
    int r = channel_receive(w->channel, &m, &fd, &fd_count);
    if (r < 0) {
        return error_set_errno(err, ERROR_KERNEL, -r, "listening to the first process");
    }
    switch (m.kind) {
    case MESSAGE_READY:
        return 1;
    case MESSAGE_TERMINAL:
        if (c->callbacks && c->callbacks->console && fd_count) {
            c->callbacks->console(c->callbacks->context, fd);
        } else {
            fd_close(fd);
        }
        return 0;
    case MESSAGE_RENDEZVOUS:
        c->hooks_begun = true;
        r = apply_phase(c, PHASE_HALT, err);
        return r < 0 ? r : send_go(w, NULL, 0, err);
    case MESSAGE_FAILED:
        return step_failure_to_error(c->plan, &m.failure, err);
    case MESSAGE_EXECED:
    case MESSAGE_GO:
    case MESSAGE_PID:
    case MESSAGE_LISTENER:
    default:
        fd_close(fd);
        return child_vanished(c->pid, err);
    }
}

static int await_ready(struct creation *c, struct workload *w, struct error **err)
{
    int r;
    do {
        r = answer(c, w, err);
    } while (r == 0);
    return r < 0 ? r : apply_phase(c, PHASE_READY, err);
}

/* Whether the child had failed already, and of what, when something went wrong beside it. */
static int child_failure(struct creation *c, struct workload *w, struct error **err)
{
    struct pollfd waiting = {w->channel, POLLIN, 0};
    struct message m = {0};
    while (poll(&waiting, 1, 0) > 0) {
        int fd = -1;
        size_t fd_count = 1;
        if (channel_receive(w->channel, &m, &fd, &fd_count) < 0) {
            break;
        }
        fd_close(fd_count ? fd : -1);
        if (m.kind == MESSAGE_FAILED) {
            return step_failure_to_error(c->plan, &m.failure, err);
        }
        if (m.kind == MESSAGE_EXECED) {
            break; /* the end of file, which would be there for ever */
        }
    }
    return 0;
}

/* When both sides fail, the child's word comes first: the parent's trouble may be its end. */
static int beside_and_ready(struct creation *c, struct workload *w, struct error **err)
{
    struct error *own = NULL;
    int r = work_beside(c, w, &own);
    if (r >= 0) {
        return await_ready(c, w, err);
    }
    int theirs = child_failure(c, w, err);
    if (theirs < 0) {
        error_free(own);
        return theirs;
    }
    return error_move(err, &own, r);
}

static int run_creation(struct creation *c, struct workload *w, const struct wall_io *io,
                        struct error **err)
{
    int r = record_save(&w->record, w->state_dir, err);
    if (r >= 0) {
        r = open_namespaces(c, err);
    }
    if (r >= 0) {
        r = apply_phase(c, PHASE_HOST, err);
        tell_time(c, "cgroups");
    }
    if (r >= 0) {
        r = make_child(c, w, io, err);
        tell_time(c, "clone");
    }
    if (r >= 0) {
        r = beside_and_ready(c, w, err);
        tell_time(c, "set-up");
    }
    return r;
}

static void abandon(struct creation *c, struct workload *w)
{
    if (c->pid > 0) {
        (void)syscall(SYS_pidfd_send_signal, w->pidfd, SIGKILL, NULL, 0); /* ended: fine */
        while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR) {
        }
    }
    undo(c);
    record_unmount(&w->record);
    if (c->hooks_begun) {
        hooks_run_late(w, HOOK_POSTSTOP, "stopped"); /* runtime.md#lifecycle: on to step 12 */
    }
    workload_forget(w->state_dir);
}

int preserved_check(const struct plan *plan, struct error **err)
{
    const struct step *last = &plan->steps[plan->step_count - 1];
    for (int fd = 3; fd < 3 + last->exec.preserved; fd++) {
        if (fcntl(fd, F_GETFD) < 0) {
            return error_set(err, ERROR_USAGE, 0, "descriptor %d to be preserved is not open", fd);
        }
    }
    return 0;
}

int container_create(struct plan *plan, const struct wall_io *io,
                     const struct wall_callbacks *callbacks, struct workload **ret,
                     struct error **err)
{
    int r = preserved_check(plan, err);
    if (r < 0) {
        return r;
    }
    CLEANUP(fd) int proc_fd = proc_open(err);
    if (proc_fd < 0) {
        return proc_fd;
    }
    CLEANUP(workload) struct workload *w = workload_new(plan->state_dir);
    record_init(&w->record, plan);
    w->warning = callbacks ? callbacks->warning : NULL;
    w->warning_context = callbacks ? callbacks->context : NULL;
    w->plan = plan_hold(plan);
    size_t joined = plan->joined_count, slots = (size_t)plan->slot_count;
    struct creation c = {
        .plan = plan,
        .callbacks = callbacks,
        .pidfd = -1,
        .proc_fd = proc_fd,
        .namespace_fds = arena_alloc(plan->arena, (joined + 1) * sizeof(int)),
        .slots = arena_alloc(plan->arena, (slots + 1) * sizeof(int)),
    };
    for (size_t i = 0; i < joined; i++) {
        c.namespace_fds[i] = -1;
    }
    r = run_creation(&c, w, io, err);
    for (size_t i = 0; i < joined; i++) {
        fd_close(c.namespace_fds[i]);
    }
    if (r < 0) {
        abandon(&c, w);
        return r;
    }
    *ret = take_ptr(w);
    return 0;
}
