// SPDX-License-Identifier: Apache-2.0
#include "wall/container/clone.h"

#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/file.h"
#include "wall/container/channel.h"

static pid_t do_clone(const struct clone_request *request, uint64_t flags, int *pidfd)
{
    struct clone_args args = {
        .flags = flags | (pidfd ? CLONE_PIDFD : 0),
        .pidfd = (uint64_t)(uintptr_t)pidfd,
        .exit_signal = flags & CLONE_PARENT ? 0 : SIGCHLD,
    };
    if (request->cgroup_fd >= 0) {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = (uint64_t)request->cgroup_fd;
    }
    return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

static _Noreturn void run_child(const struct clone_request *request)
{
    struct apply a = request->apply;
    fd_close(request->parent_channel);
    apply_child(&a);
}

static int clone_error(const struct clone_request *request, int code, struct error **err)
{
    const struct plan *p = request->apply.plan;
    CLEANUP(strbuf) struct strbuf names = {0};
    for (size_t i = 0; i < p->step_count; i++) {
        if (p->steps[i].kind == STEP_NAMESPACE_NEW) {
            strbuf_addf(&names, "%s%s", names.len ? ", " : "", p->steps[i].namespace_.name);
        }
    }
    int r = error_set_errno(err, ERROR_KERNEL, code, "making the first process with namespaces %s",
                            str_or(names.data, "none"));
    if (code == ENOSPC) {
        error_hint(err, r, "a limit in /proc/sys/user is reached");
    }
    return r;
}

/* Between parent and child: enters what must be entered first, has the child, tells its number. */
static _Noreturn void run_relay(const struct clone_request *request, int channel)
{
    struct apply a = request->apply;
    a.channel = channel;
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* cannot fail */
    int r = apply_relay(&a);
    if (r < 0) {
        apply_fail(&a, r);
    }
    pid_t pid = do_clone(request, CLONE_PARENT | a.plan->new_namespaces, NULL);
    if (pid == 0) {
        fd_close(channel);
        run_child(request);
    }
    const struct message m = {.kind = pid < 0 ? MESSAGE_EXECED : MESSAGE_PID,
                              .pid = pid < 0 ? -errno : pid};
    (void)channel_send(channel, &m, NULL, 0); /* a parent that is gone needs no telling */
    _exit(0);
}

static int hear_relay(const struct clone_request *request, int channel, pid_t *ret_pid,
                      struct error **err)
{
    struct message m;
    int r = channel_receive(channel, &m, NULL, NULL);
    if (r < 0) {
        return error_set_errno(err, ERROR_KERNEL, -r, "waiting for the first process");
    }
    if (m.kind == MESSAGE_FAILED) {
        return step_failure_to_error(request->apply.plan, &m.failure, err);
    }
    if (m.kind != MESSAGE_PID) {
        return clone_error(request, m.pid < 0 ? -m.pid : EIO, err);
    }
    *ret_pid = m.pid;
    return 0;
}

static int clone_by_relay(const struct clone_request *request, pid_t *ret_pid, int *ret_pidfd,
                          struct error **err)
{
    int ends[2], status;
    int r = channel_pair(ends);
    if (r < 0) {
        return error_set_errno(err, ERROR_KERNEL, -r, "making a channel");
    }
    pid_t relay = fork();
    if (relay == 0) {
        fd_close(ends[0]);
        run_relay(request, ends[1]);
    }
    fd_close(ends[1]);
    r = relay < 0 ? clone_error(request, errno, err) : hear_relay(request, ends[0], ret_pid, err);
    fd_close(ends[0]);
    while (relay > 0 && waitpid(relay, &status, 0) < 0 && errno == EINTR) {
    }
    if (r < 0) {
        return r;
    }
    *ret_pidfd = (int)syscall(SYS_pidfd_open, *ret_pid, 0);
    return *ret_pidfd < 0 ? error_set_errno(err, ERROR_KERNEL, errno, "watching the first process")
                          : 0;
}

int clone_child(const struct clone_request *request, pid_t *ret_pid, int *ret_pidfd,
                struct error **err)
{
    const struct plan *p = request->apply.plan;
    if (p->relay) {
        return clone_by_relay(request, ret_pid, ret_pidfd, err);
    }
    pid_t pid = do_clone(request, p->new_namespaces, ret_pidfd);
    if (pid == 0) {
        run_child(request);
    }
    if (pid < 0) {
        return clone_error(request, errno, err);
    }
    *ret_pid = pid;
    return 0;
}
