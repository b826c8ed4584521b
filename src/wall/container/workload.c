// SPDX-License-Identifier: Apache-2.0
#include "wall/container/workload.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/file.h"
#include "wall/container/cgroup_files.h"
#include "wall/container/hook.h"
#include "wall/container/rdt.h"
#include "wall/container/step.h"

#define START_NAME "start"

struct workload *workload_new(const char *state_dir)
{
    struct workload *w = xcalloc(1, sizeof(*w));
    w->state_dir = xstrdup(state_dir);
    w->pidfd = w->channel = -1;
    return w;
}

void workload_free(struct workload *w)
{
    if (w) {
        fd_close(w->pidfd);
        fd_close(w->channel);
        record_done(&w->record);
        plan_free(w->plan);
        free(w->state_dir);
        free(w);
    }
}

void workload_forget(const char *state_dir)
{
    static const char *const files[] = {START_NAME, "seccomp.bpf", "wall.json"};
    CLEANUP(fd) int fd = open(state_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    for (size_t i = 0; fd >= 0 && i < ARRAY_SIZE(files); i++) {
        (void)unlinkat(fd, files[i], 0); /* what is missing is as it should be */
    }
}

int proc_open(struct error **err)
{
    struct statfs st;
    CLEANUP(fd) int fd = open_file(AT_FDCWD, "/proc", O_PATH | O_DIRECTORY, 0, err);
    if (fd < 0) {
        return fd;
    }
    if (fstatfs(fd, &st) < 0 || st.f_type != PROC_SUPER_MAGIC) {
        return error_set(err, ERROR_UNSUPPORTED, 0, "'/proc' is not procfs");
    }
    return take_fd(&fd);
}

static void start_address(int folder_fd, struct sockaddr_un *ret)
{
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf(ret->sun_path, sizeof(ret->sun_path), "/proc/self/fd/%d/%s", folder_fd, START_NAME);
}

int start_socket_listen(const char *state_dir, struct error **err)
{
    struct sockaddr_un address;
    CLEANUP(fd) int folder = open_file(AT_FDCWD, state_dir, O_PATH | O_DIRECTORY, 0, err);
    if (folder < 0) {
        return folder;
    }
    CLEANUP(fd) int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    start_address(folder, &address);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 1) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "listening for start in '%s'", state_dir);
    }
    return take_fd(&fd);
}

int start_socket_connect(const char *state_dir, struct error **err)
{
    struct sockaddr_un address;
    CLEANUP(fd) int folder = open_file(AT_FDCWD, state_dir, O_PATH | O_DIRECTORY, 0, err);
    if (folder < 0) {
        return folder;
    }
    CLEANUP(fd) int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    start_address(folder, &address);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        if (errno == ENOENT || errno == ECONNREFUSED) {
            return error_set(err, ERROR_BUSY, 0, "it is not waiting to be started");
        }
        return error_set_errno(err, ERROR_KERNEL, errno, "asking for start in '%s'", state_dir);
    }
    return take_fd(&fd);
}

bool start_socket_exists(const char *state_dir)
{
    CLEANUP(free) char *path = str_format("%s/%s", state_dir, START_NAME);
    return access(path, F_OK) == 0;
}

int child_vanished(pid_t pid, struct error **err)
{
    siginfo_t info = {0};
    (void)waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT); /* not ours: no details */
    if (info.si_code == CLD_KILLED || info.si_code == CLD_DUMPED) {
        return error_set(err, ERROR_KERNEL, EIO, "the container's first process was killed by %s%s",
                         sigabbrev_np(info.si_status) ? "SIG" : "a signal",
                         str_or(sigabbrev_np(info.si_status), ""));
    }
    return error_set(err, ERROR_KERNEL, EIO, "the container's first process ended unexpectedly");
}

static int container_open(const char *state_dir, struct workload **ret, struct error **err)
{
    CLEANUP(workload) struct workload *w = workload_new(state_dir);
    int r = record_load(&w->record, state_dir, err);
    if (r < 0) {
        return r;
    }
    if (w->record.pid > 0) {
        w->pidfd = (int)syscall(SYS_pidfd_open, w->record.pid, 0);
        /* Another process may have got the number: its birth tells. */
        CLEANUP(fd) int proc_fd = proc_open(NULL);
        if (w->pidfd >= 0 && process_start_time(proc_fd, w->record.pid) != w->record.pid_start) {
            w->pidfd = fd_close(w->pidfd);
        }
    }
    *ret = take_ptr(w);
    return 0;
}

static bool has_ended(const struct workload *w)
{
    struct pollfd polled = {.fd = w->pidfd, .events = POLLIN};
    return w->pidfd < 0 || poll(&polled, 1, 0) > 0;
}

static void container_set_warning(struct workload *w, wall_warning *warning, void *context)
{
    w->warning = warning;
    w->warning_context = context;
}

static pid_t container_pid(const struct workload *w)
{
    return has_ended(w) ? 0 : w->record.pid;
}

static enum wall_state container_state(struct workload *w)
{
    if (has_ended(w)) {
        return WALL_STOPPED;
    }
    if (cgroup_is_frozen(&w->record.cgroups)) {
        return WALL_PAUSED;
    }
    bool waits = w->record.remote_start ? start_socket_exists(w->state_dir) : w->channel >= 0;
    return waits ? WALL_CREATED : WALL_RUNNING;
}

static int container_signal(struct workload *w, int signal, bool all, struct error **err)
{
    if (all) {
        return cgroup_signal(&w->record.cgroups, signal, err);
    }
    if (has_ended(w)) {
        return error_set(err, ERROR_BUSY, ESRCH, "it is not running");
    }
    if (syscall(SYS_pidfd_send_signal, w->pidfd, signal, NULL, 0) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "sending signal %d", signal);
    }
    if (signal == SIGKILL && cgroup_is_frozen(&w->record.cgroups)) {
        IGNORE(cgroup_thaw(&w->record.cgroups, NULL)); /* v1 lets no frozen process end */
    }
    return 0;
}

static int container_pids(struct workload *w, pid_t **ret, size_t *ret_count, struct error **err)
{
    return cgroup_pids(&w->record.cgroups, ret, ret_count, err);
}

static int container_pause(struct workload *w, struct error **err)
{
    return cgroup_freeze(&w->record.cgroups, err);
}

static int container_resume(struct workload *w, struct error **err)
{
    return cgroup_thaw(&w->record.cgroups, err);
}

static const char *container_freezer(const struct workload *w)
{
    const struct cgroup_group *g = cgroup_set_leading(&w->record.cgroups);
    return g ? g->path : NULL;
}

static int container_update(struct workload *w, const struct spec_resources *r, struct error **err)
{
    struct record *record = &w->record;
    struct cgroup_set wider;
    int result = cgroup_widen(record->arena, &record->cgroups, r, &wider, err);
    if (result > 0) {
        const struct cgroup_set before = record->cgroups;
        record->cgroups = wider; /* on record before it is there: delete() finds it */
        result = record_save(record, w->state_dir, err);
        result = result < 0 ? result : cgroup_make_wider(&before, &wider, err);
    }
    return result < 0 ? result : cgroup_update(&record->cgroups, record->scope, r, err);
}

static int container_stats(struct workload *w, struct wall_stats *ret, struct error **err)
{
    return cgroup_stats(&w->record.cgroups, ret, err);
}

static json_t *container_detail(struct workload *w)
{
    return cgroup_detail(&w->record.cgroups);
}

static int container_watch_memory(struct workload *w, short *ret_events, struct error **err)
{
    return cgroup_oom_watch(&w->record.cgroups, ret_events, err);
}

static int container_update_rdt(struct workload *w, const char *l3, const char *mem_bw,
                                struct error **err)
{
    return w->record.rdt_group
               ? rdt_update(w->record.rdt_group, l3, mem_bw, err)
               : error_set(err, ERROR_UNSUPPORTED, 0, "it has no resctrl group of its own");
}

static void container_limits_hit(struct workload *w, bool *ret_oom_killed, bool *ret_pids_refused)
{
    cgroup_limits_hit(&w->record.cgroups, ret_oom_killed, ret_pids_refused);
}

static int container_delete(struct workload *w, struct error **err)
{
    /* By its number too: a host without cgroups has nothing else to kill it by. */
    if (!has_ended(w)) {
        (void)syscall(SYS_pidfd_send_signal, w->pidfd, SIGKILL, NULL, 0); /* gone meanwhile: fine */
    }
    int r = cgroup_remove(&w->record.cgroups, err);
    if (r >= 0 && w->record.scope) {
        r = scope_stop(w->record.scope, err);
    }
    if (r < 0) {
        return r;
    }
    if (w->record.rdt_group) {
        rdt_remove(w->record.rdt_group);
    }
    record_unmount(&w->record);
    hooks_run_late(w, HOOK_POSTSTOP, "stopped");
    workload_forget(w->state_dir);
    workload_free(w);
    return 0;
}

const struct wall_ops wall_container = {
    .name = "container",
    .plan = plan_make,
    .describe = plan_describe,
    .plan_free = plan_free,
    .mount_options = mount_options_names,
    .create = container_create,
    .adopt = container_adopt,
    .start = container_start,
    .open = container_open,
    .set_warning = container_set_warning,
    .close = workload_free,
    .pid = container_pid,
    .state = container_state,
    .signal = container_signal,
    .exec = container_exec,
    .pids = container_pids,
    .pause = container_pause,
    .resume = container_resume,
    .freezer = container_freezer,
    .update = container_update,
    .update_rdt = container_update_rdt,
    .stats = container_stats,
    .detail = container_detail,
    .isolation = container_isolation,
    .watch_memory = container_watch_memory,
    .limits_hit = container_limits_hit,
    .delete = container_delete,
};
