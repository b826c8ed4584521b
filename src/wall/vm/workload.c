// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#include "base/file.h"
#include "base/json.h"
#include "base/process.h"
#include "wall/container/scope.h"
#include "wall/vm/hooks.h"
#include "wall/vm/workload.h"

enum {
    RECORD_BYTES_MAX = 1 << 20, /* with annotations */
    DELETE_MS = 10000
};

/* --- the record ----------------------------------------------------------------------------------
 */

static bool is_alive(const struct workload *w)
{
    CLEANUP(fd) int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return w->pid > 0 && process_start_time(proc, w->pid) == w->pid_start;
}

int workload_save(const struct workload *w, struct error **err)
{
    CLEANUP(free) char *path = str_format("%s/wall.json", w->state_dir);
    CLEANUP(json)
    json_t *json =
        json_pack("{s:i, s:I, s:b, s:o, s:s*, s:O*}", "pid", w->pid, "pidStart",
                  (json_int_t)w->pid_start, "emulated", w->monitor == VM_QEMU, "cgroups",
                  cgroup_set_to_json(&w->groups), "scope", w->scope, "hooks", w->late_hooks);
    return json_save_path(AT_FDCWD, path, json, 0600, false, err);
}

static void vm_close(struct workload *w)
{
    if (w) {
        arena_free(w->arena);
        json_decref(w->late_hooks);
        free(w->state_dir);
        free(w);
    }
}

static int vm_open(const char *state_dir, struct workload **ret, struct error **err)
{
    CLEANUP(free) char *path = str_format("%s/wall.json", state_dir);
    CLEANUP(json) json_t *json = NULL;
    int64_t pid = 0, start = 0;
    const char *scope = NULL;
    bool emulated = false;
    int r = json_load_path(AT_FDCWD, path, RECORD_BYTES_MAX, &json, err);
    r = r < 0 ? r : json_get_i64(json, "pid", path, 0, INT32_MAX, &pid, err);
    r = r < 0 ? r : json_get_i64(json, "pidStart", path, 0, INT64_MAX, &start, err);
    r = r < 0 ? r : json_get_str(json, "scope", path, &scope, err);
    r = r < 0 ? r : json_get_bool(json, "emulated", path, &emulated, err);
    if (r < 0) {
        return r;
    }
    struct workload *w = xcalloc(1, sizeof(*w));
    *w = (struct workload){.state_dir = xstrdup(state_dir),
                           .pid = (pid_t)pid,
                           .pid_start = (uint64_t)start,
                           .monitor = emulated ? VM_QEMU : VM_KVM,
                           .arena = arena_new()};
    w->scope = scope ? arena_strdup(w->arena, scope) : NULL;
    w->late_hooks = json_incref(json_object_get(json, "hooks"));
    r = cgroup_set_from_json(w->arena, json_object_get(json, "cgroups"), &w->groups, err);
    if (r < 0) {
        vm_close(w);
        return r;
    }
    *ret = w;
    return 0;
}

/* --- the relay's and the groups' end
 * --------------------------------------------------------------
 */

void workload_stop_relay(const struct workload *w)
{
    CLEANUP(fd) int pidfd = (int)syscall(SYS_pidfd_open, w->pid, 0);
    struct pollfd p = {.fd = pidfd, .events = POLLIN};
    if (pidfd >= 0 && is_alive(w)) {
        (void)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0); /* it may just have ended */
        (void)poll(&p, 1, DELETE_MS);
    }
}

int workload_remove_groups(const struct workload *w, struct error **err)
{
    int r = w->groups.count ? cgroup_remove(&w->groups, err) : 0;
    if (w->scope) {
        IGNORE(scope_stop(w->scope, NULL)); /* with its last process it goes by itself */
    }
    return r;
}

/* --- the rest ------------------------------------------------------------------------------------
 */

static int vm_start(struct workload *w, struct error **err)
{
    CLEANUP(free) char *started = str_format("%s/started", w->state_dir);
    int r = relay_ask_plain(w, json_pack("{s:s}", "request", "start"), NULL, err);
    r = r < 0 ? r : file_write_atomic(AT_FDCWD, started, "", 0, 0600, FILE_NO_SYNC, err);
    if (r >= 0) {
        vm_hooks_run_late(w->late_hooks, "poststart", "running", w->pid, w->warning,
                          w->warning_context);
    }
    return r;
}

static pid_t vm_pid(const struct workload *w)
{
    return is_alive(w) ? w->pid : 0;
}

static enum wall_state vm_state(struct workload *w)
{
    CLEANUP(free) char *started = str_format("%s/started", w->state_dir);
    return !is_alive(w)                   ? WALL_STOPPED
           : cgroup_is_frozen(&w->groups) ? WALL_PAUSED
           : access(started, F_OK) == 0   ? WALL_RUNNING
                                          : WALL_CREATED;
}

static int vm_signal(struct workload *w, int signal, bool all, struct error **err)
{
    CLEANUP(error) struct error *mine = NULL;
    int r = relay_ask_soon(
        w, json_pack("{s:s, s:i, s:b}", "request", "signal", "signal", signal, "all", all), &mine);
    if (r < 0 && signal == SIGKILL) { /* an agent that does not answer is no protection */
        if (cgroup_is_frozen(&w->groups)) {
            return cgroup_signal(&w->groups, SIGKILL, err);
        }
        workload_stop_relay(w);
        return 0;
    }
    return r < 0 ? error_move(err, &mine, r) : 0;
}

static int vm_pids(struct workload *w, pid_t **ret, size_t *ret_count, struct error **err)
{
    CLEANUP(json) json_t *reply = NULL;
    json_t *list = NULL, *item;
    size_t i;
    int r = relay_ask_plain(w, json_pack("{s:s}", "request", "pids"), &reply, err);
    r = r < 0 ? r : json_get_array(reply, "pids", "pids", &list, err);
    if (r < 0) {
        return r;
    }
    *ret_count = json_array_size(list);
    *ret = xcalloc(*ret_count + 1, sizeof(**ret));
    json_array_foreach(list, i, item)
    {
        (*ret)[i] = (pid_t)json_integer_value(item);
    }
    return 0;
}

/* The workload stands still inside, then the machine as a whole: it uses no processor. */
static int vm_pause(struct workload *w, struct error **err)
{
    int r = relay_ask_plain(w, json_pack("{s:s}", "request", "pause"), NULL, err);
    if (r >= 0 && w->groups.count) {
        vm_groups_release_kernel(&w->groups);
        r = cgroup_freeze(&w->groups, err);
    }
    if (r < 0) {
        IGNORE(relay_ask_plain(w, json_pack("{s:s}", "request", "resume"), NULL, NULL) <
               0); /* ended */
    }
    return r;
}

/* The guest is told what time it is by now. */
static int vm_resume(struct workload *w, struct error **err)
{
    struct timespec now;
    int r = w->groups.count ? cgroup_thaw(&w->groups, err) : 0;
    (void)clock_gettime(CLOCK_REALTIME, &now); /* a constant clock: cannot fail */
    return r < 0 || !is_alive(w)               /* killed while it was paused */
               ? r
               : relay_ask_plain(w,
                                 json_pack("{s:s, s:I, s:I}", "request", "resume", "seconds",
                                           (json_int_t)now.tv_sec, "nanoseconds",
                                           (json_int_t)now.tv_nsec),
                                 NULL, err);
}

static int vm_update(struct workload *w, const struct spec_resources *r, struct error **err)
{
    CLEANUP(arena) struct arena *arena = arena_new();
    const struct spec_resources throttles = vm_throttles(arena, r);
    struct spec_resources inside = *r;
    inside.read_bps.count = inside.write_bps.count = 0; /* of the host's disks */
    inside.read_iops.count = inside.write_iops.count = 0;
    int result = vm_groups_update(&w->groups, w->scope, r, w->monitor, err);
    return result < 0 ? result
                      : relay_ask_plain(w,
                                        json_pack("{s:s, s:o, s:o}", "request", "update",
                                                  "resources", spec_resources_to_json(&inside),
                                                  "throttles", spec_resources_to_json(&throttles)),
                                        NULL, err);
}

/* The engine's own limit stands at the interface's other end; here the machine itself is slowed, so
 * that little is lost on the way. */
static int vm_update_network(struct workload *w, uint64_t receive_rate, uint64_t transmit_rate,
                             struct error **err)
{
    return relay_ask_plain(w,
                           json_pack("{s:s, s:I, s:I}", "request", "network-rate", "receive",
                                     (json_int_t)(receive_rate / 8), "transmit",
                                     (json_int_t)(transmit_rate / 8)),
                           NULL, err);
}

static int vm_refresh_file(struct workload *w, const char *path, struct error **err)
{
    CLEANUP(free) char *text = NULL;
    size_t len = 0;
    int r = file_read(AT_FDCWD, path, VM_FILE_BYTES_MAX, &text, &len, err);
    if (r < 0) {
        return r;
    }
    json_t *request = json_pack("{s:s, s:s, s:o}", "request", "file", "source", path, "text",
                                json_stringn(text, len));
    return request ? relay_ask_soon(w, request, err)
                   : error_set(err, ERROR_INVALID_INPUT, 0, "'%s' is no text", path);
}

static int vm_stats(struct workload *w, struct wall_stats *ret, struct error **err)
{
    CLEANUP(json) json_t *reply = NULL;
    int r = relay_ask_plain(w, json_pack("{s:s}", "request", "stats"), &reply, err);
    const struct {
        const char *key;
        int64_t *value;
    } fields[] = {
        {"cpuNs", &ret->cpu_ns},
        {"cpuUserNs", &ret->cpu_user_ns},
        {"cpuSystemNs", &ret->cpu_system_ns},
        {"cpuThrottledNs", &ret->cpu_throttled_ns},
        {"cpuThrottledCount", &ret->cpu_throttled_count},
        {"memoryBytes", &ret->memory_bytes},
        {"memoryLimitBytes", &ret->memory_limit_bytes},
        {"memoryCacheBytes", &ret->memory_cache_bytes},
        {"memoryPeakBytes", &ret->memory_peak_bytes},
        {"swapBytes", &ret->swap_bytes},
        {"oomKills", &ret->oom_kills},
        {"pids", &ret->pids},
        {"pidsLimit", &ret->pids_limit},
        {"pidsRefused", &ret->pids_refused},
        {"readBytes", &ret->read_bytes},
        {"writeBytes", &ret->write_bytes},
        {"readOps", &ret->read_ops},
        {"writeOps", &ret->write_ops},
    };
    for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(fields); i++) {
        *fields[i].value = -1;
        r = json_get_i64(reply, fields[i].key, "stats", INT64_MIN, INT64_MAX, fields[i].value, err);
    }
    return r < 0 ? r : 0;
}

static void vm_limits_hit(struct workload *w, bool *ret_oom_killed, bool *ret_pids_refused)
{
    CLEANUP(free) char *path = str_format("%s/oom", w->state_dir);
    cgroup_limits_hit(&w->groups, ret_oom_killed, ret_pids_refused);
    struct stat st;
    *ret_oom_killed |= stat(path, &st) == 0 && st.st_size > 0;
}

static char *vm_end_reason(struct workload *w)
{
    CLEANUP(free) char *path = str_format("%s/reason", w->state_dir);
    char *text = NULL;
    IGNORE(file_read_line(AT_FDCWD, path, &text, NULL) < 0); /* there is none: as it should be */
    if (text && !text[0]) {
        free(text);
        return NULL;
    }
    return text;
}

/* A process that ends as the executed one does. */
static pid_t fork_waiter(int sock)
{
    pid_t pid = fork();
    if (pid == 0) {
        CLEANUP(json) json_t *end = NULL;
        int r = relay_receive(sock, &end, NULL);
        _exit(r < 0 ? 137 : (int)json_integer_value(json_object_get(end, "exit")));
    }
    return pid;
}

static int vm_exec(struct workload *w, const struct wall_exec *exec, pid_t *ret_pid,
                   struct error **err)
{
    CLEANUP(fd) int master = -1;
    CLEANUP(fd) int slave = -1;
    const struct spec_process *p = exec->process;
    int fds[3] = {exec->io.in, exec->io.out, exec->io.err};
    if (p->terminal) {
        int r = vm_open_terminal(p->console_height, p->console_width, &master, &slave, err);
        if (r < 0) {
            return r;
        }
        fds[0] = fds[1] = fds[2] = slave;
    }
    json_t *request = json_pack("{s:s, s:b, s:o}", "request", "exec", "privileged",
                                exec->privileged, "process", spec_process_to_json(p));
    CLEANUP(fd) int sock = relay_ask(w, request, fds, ARRAY_SIZE(fds), NULL, err);
    if (sock < 0) {
        return sock;
    }
    *ret_pid = fork_waiter(sock);
    if (*ret_pid < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "waiting for the process");
    }
    if (p->terminal) {
        exec->console(exec->context, take_fd(&master));
    }
    return 0;
}

static int vm_delete(struct workload *w, struct error **err)
{
    static const char *const left[] = {"vm.sock", "machine.log", "oom",
                                       "reason",  "started",     "wall.json"};
    CLEANUP(fd) int folder = open_file(AT_FDCWD, w->state_dir, O_PATH | O_DIRECTORY, 0, err);
    workload_stop_relay(w); /* the monitor dies with it */
    for (size_t i = 0; folder >= 0 && i < ARRAY_SIZE(left); i++) {
        (void)unlinkat(folder, left[i], 0); /* idempotent */
    }
    int r = folder < 0 ? folder : workload_remove_groups(w, err);
    if (r >= 0) {
        vm_hooks_run_late(w->late_hooks, "poststop", "stopped", w->pid, w->warning,
                          w->warning_context);
    }
    vm_close(w);
    return r;
}

/* The guest mounts with the container wall's code. */
static void vm_mount_options(struct strv *ret)
{
    wall_container.mount_options(ret);
}

/* Of the machine as a whole. */
static json_t *vm_detail(struct workload *w)
{
    return cgroup_detail(&w->groups);
}

static int vm_watch_memory(struct workload *w, short *ret_events, struct error **err)
{
    return cgroup_oom_watch(&w->groups, ret_events, err);
}

static int vm_update_rdt(struct workload *w, const char *l3, const char *mem_bw, struct error **err)
{
    (void)w;
    (void)l3;
    (void)mem_bw;
    return wall_cannot(&wall_vm, "share the processor's caches out", err);
}

static int vm_adopt(struct plan *plan, wall_make *make, void *context, struct workload **ret,
                    struct error **err)
{
    (void)plan;
    (void)make;
    (void)context;
    (void)ret;
    return wall_cannot(&wall_vm, "restore a checkpoint", err);
}

static void vm_set_warning(struct workload *w, wall_warning *warning, void *context)
{
    w->warning = warning;
    w->warning_context = context;
}

const struct wall_ops wall_vm = {
    .name = "vm",
    .fixed_interfaces = true,
    .plan = vm_plan,
    .describe = vm_describe,
    .plan_free = vm_plan_free,
    .mount_options = vm_mount_options,
    .settings = "vm",
    .create = vm_create,
    .adopt = vm_adopt,
    .start = vm_start,
    .open = vm_open,
    .set_warning = vm_set_warning,
    .close = vm_close,
    .pid = vm_pid,
    .state = vm_state,
    .signal = vm_signal,
    .exec = vm_exec,
    .pids = vm_pids,
    .files = vm_files,
    .browse = vm_browse,
    .pause = vm_pause,
    .resume = vm_resume,
    .update = vm_update,
    .update_network = vm_update_network,
    .refresh_file = vm_refresh_file,
    .update_rdt = vm_update_rdt,
    .detail = vm_detail,
    .watch_memory = vm_watch_memory,
    .stats = vm_stats,
    .isolation = vm_isolation,
    .limits_hit = vm_limits_hit,
    .end_reason = vm_end_reason,
    .delete = vm_delete,
};
