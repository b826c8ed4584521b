// SPDX-License-Identifier: Apache-2.0
/* Start: the child that waits is told to go on, by its creator or by any other process. */
#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>

#include "base/file.h"
#include "base/json.h"
#include "wall/container/channel.h"
#include "wall/container/hook.h"
#include "wall/container/workload.h"

/* OCI's ContainerProcessState is made of it: config-linux.md#containerprocessstate. */
static char *container_state_json(const struct workload *w, const char *status)
{
    const struct record *r = &w->record;
    CLEANUP(json)
    json_t *o = json_pack("{s:s,s:s,s:s,s:i,s:s}", "ociVersion", r->oci_version, "id", r->id,
                          "status", status, "pid", (int)r->pid, "bundle", str_or(r->bundle, ""));
    if (r->annotations_json) {
        (void)json_object_set_new(o, "annotations", json_loads(r->annotations_json, 0, NULL));
    }
    return json_dumps(o, JSON_COMPACT);
}

int workload_hand_listener_on(const struct workload *w, int listener, pid_t pid, const char *status,
                              struct error **err)
{
    const struct seccomp_program p = {
        .notify = true,
        .listener_path = w->record.listener_path,
        .listener_metadata = w->record.listener_metadata,
    };
    if (!p.listener_path) {
        fd_close(listener);
        return error_set(err, ERROR_INTERNAL, 0, "a seccomp listener that nobody waits for");
    }
    CLEANUP(free) char *state = container_state_json(w, status);
    return seccomp_send_listener_take(&p, listener, pid, state, err);
}

/* The creator has the plan, others the words that were kept. */
static int late_failure(const struct workload *w, const struct step_failure *f, struct error **err)
{
    if (w->plan) {
        return step_failure_to_error(w->plan, f, err);
    }
    for (size_t i = 0; i < w->record.late_step_count; i++) {
        const struct record_step *l = &w->record.late_steps[i];
        if (l->step == f->step && l->program) {
            return step_program_error(l->program, f, err);
        }
        if (l->step == f->step) {
            return error_set_errno(err, ERROR_KERNEL, f->code, "%s", l->doing);
        }
    }
    return error_set_errno(err, ERROR_KERNEL, f->code, "starting the program");
}

/* Until the channel closes, which exec does. */
static int await_exec(struct workload *w, int channel, struct error **err)
{
    for (;;) {
        struct message m;
        int fd = -1;
        size_t fd_count = 1;
        int r = channel_receive(channel, &m, &fd, &fd_count);
        if (r < 0) {
            return error_set_errno(err, ERROR_KERNEL, -r, "listening to the first process");
        }
        if (m.kind == MESSAGE_EXECED) {
            return 0;
        }
        if (m.kind == MESSAGE_FAILED) {
            return late_failure(w, &m.failure, err);
        }
        if (m.kind == MESSAGE_LISTENER && fd_count) {
            r = workload_hand_listener_on(w, fd, w->record.pid, "creating", err);
            if (r < 0) {
                return r;
            }
        }
    }
}

static int go(struct workload *w, struct error **err)
{
    CLEANUP(fd)
    int channel = w->channel >= 0 ? take_fd(&w->channel) : start_socket_connect(w->state_dir, err);
    if (channel < 0) {
        return channel;
    }
    int r = channel_say(channel, MESSAGE_GO);
    if (r < 0) {
        return r == -EPIPE ? child_vanished(w->record.pid, err)
                           : error_set_errno(err, ERROR_KERNEL, -r, "starting the program");
    }
    return await_exec(w, channel, err);
}

/* A spec without a process can be created (config.md#process), never started. */
static bool has_program(const struct workload *w)
{
    const struct record *r = &w->record;
    return !r->remote_start ||
           (r->late_step_count && r->late_steps[r->late_step_count - 1].program);
}

int container_start(struct workload *w, struct error **err)
{
    if (w->channel < 0 && !w->record.remote_start) {
        return error_set(err, ERROR_BUSY, 0, "it is not waiting to be started");
    }
    if (!has_program(w)) {
        return error_set(err, ERROR_INVALID_INPUT, 0, "config.json has no 'process' to start");
    }
    int r = hooks_run_record(&w->record, w->pidfd, HOOK_START_CONTAINER, "created", err);
    if (r < 0) { /* runtime.md#lifecycle: the container is stopped */
        (void)syscall(SYS_pidfd_send_signal, w->pidfd, SIGKILL, NULL, 0); /* ended: fine */
        return r;
    }
    r = go(w, err);
    if (r < 0) {
        return r;
    }
    if (w->record.remote_start) {
        CLEANUP(free) char *path = str_format("%s/start", w->state_dir);
        (void)unlink(path); /* the sign that it waits; the state is then read from the kernel */
    }
    hooks_run_late(w, HOOK_POSTSTART, "running");
    return 0;
}
