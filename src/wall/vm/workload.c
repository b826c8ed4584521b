// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>

#include "base/file.h"
#include "base/json.h"
#include "wall/container/process_time.h"
#include "wall/vm/vm.h"

enum { REPLY_BYTES_MAX = 64 * 1024, DELETE_MS = 10000 };

/* What outlives the process that created the workload: <state_dir>/wall.json. */
struct workload {
    char *state_dir;
    pid_t pid; /* the relay */
    uint64_t pid_start;
};

json_t *vm_error_to_json(const struct error *e)
{
    return json_pack("{s:{s:s, s:i, s:s, s:s*}}", "error", "kind", error_kind_name(e->kind), "code",
                     e->code, "message", e->message, "hint", e->hint);
}

int vm_error_from_json(const json_t *reply, struct error **err)
{
    const json_t *e = json_object_get(reply, "error");
    const char *kind = str_or(json_string_value(json_object_get(e, "kind")), "");
    const char *hint = json_string_value(json_object_get(e, "hint"));
    if (!e) {
        return 0;
    }
    for (int i = 0; i < ERROR_KIND_COUNT; i++) {
        if (str_equal(error_kind_name((enum error_kind)i), kind)) {
            int r = error_set(err, (enum error_kind)i,
                              (int)json_integer_value(json_object_get(e, "code")), "%s",
                              str_or(json_string_value(json_object_get(e, "message")), ""));
            return hint ? error_hint(err, r, "%s", hint) : r;
        }
    }
    return error_set(err, ERROR_INTERNAL, 0, "the relay answered nonsense");
}

/* --- the record ----------------------------------------------------------------------------------
 */

static bool is_alive(const struct workload *w)
{
    CLEANUP(fd) int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return w->pid > 0 && process_start_time(proc, w->pid) == w->pid_start;
}

static int save(const struct workload *w, struct error **err)
{
    CLEANUP(free) char *path = str_format("%s/wall.json", w->state_dir);
    CLEANUP(json)
    json_t *json = json_pack("{s:i, s:I}", "pid", w->pid, "pidStart", (json_int_t)w->pid_start);
    return json_save_path(AT_FDCWD, path, json, 0600, false, err);
}

static int vm_open(const char *state_dir, struct workload **ret, struct error **err)
{
    CLEANUP(free) char *path = str_format("%s/wall.json", state_dir);
    CLEANUP(json) json_t *json = NULL;
    int64_t pid = 0, start = 0;
    int r = json_load_path(AT_FDCWD, path, 4096, &json, err);
    r = r < 0 ? r : json_get_i64(json, "pid", path, 0, INT32_MAX, &pid, err);
    r = r < 0 ? r : json_get_i64(json, "pidStart", path, 0, INT64_MAX, &start, err);
    if (r < 0) {
        return r;
    }
    *ret = xcalloc(1, sizeof(**ret));
    **ret = (struct workload){
        .state_dir = xstrdup(state_dir), .pid = (pid_t)pid, .pid_start = (uint64_t)start};
    return 0;
}

static void vm_close(struct workload *w)
{
    if (w) {
        free(w->state_dir);
        free(w);
    }
}

/* --- talking to the relay ------------------------------------------------------------------------
 */

/* The address of vm.sock by the folder's descriptor: its path may be longer than addresses are. */
static int socket_in(const char *state_dir, struct sockaddr_un *ret, int *ret_folder,
                     struct error **err)
{
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    *ret_folder = open_file(AT_FDCWD, state_dir, O_PATH | O_DIRECTORY, 0, err);
    (void)snprintf(ret->sun_path, sizeof(ret->sun_path), "/proc/self/fd/%d/vm.sock", *ret_folder);
    return *ret_folder;
}

static int connect_relay(const struct workload *w, struct error **err)
{
    struct sockaddr_un address;
    CLEANUP(fd) int folder = -1;
    int r = socket_in(w->state_dir, &address, &folder, err);
    if (r < 0) {
        return r;
    }
    int sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (sock < 0 || connect(sock, (struct sockaddr *)&address, sizeof(address)) < 0) {
        r = error_set(err, ERROR_BUSY, errno, "its machine does not run");
        fd_close(sock);
        return r;
    }
    return sock;
}

static int receive(int sock, json_t **ret, struct error **err)
{
    CLEANUP(free) char *text = xmalloc(REPLY_BYTES_MAX);
    ssize_t n = recv(sock, text, REPLY_BYTES_MAX, 0);
    if (n <= 0) {
        return error_set(err, ERROR_KERNEL, n < 0 ? errno : EPIPE, "the machine has ended");
    }
    int r = json_parse(text, (size_t)n, "reply", ret, err);
    return r < 0 ? r : vm_error_from_json(*ret, err);
}

/* Returns the socket, for exec's second message; the caller closes it. */
static int ask(const struct workload *w, json_t *request_take, const int *fds, size_t fd_count,
               json_t **ret, struct error **err)
{
    CLEANUP(json) json_t *request = request_take;
    CLEANUP(json) json_t *reply = NULL;
    CLEANUP(free) char *text = json_dumps(request, JSON_COMPACT);
    CLEANUP(fd) int sock = connect_relay(w, err);
    if (sock < 0) {
        return sock;
    }
    ssize_t n = send_fds(sock, text, strlen(text), fds, fd_count);
    if (n < 0) {
        return error_set_errno(err, ERROR_KERNEL, (int)-n, "asking the machine's relay");
    }
    int r = receive(sock, &reply, err);
    if (r < 0) {
        return r;
    }
    if (ret) {
        *ret = take_ptr(reply);
    }
    return take_fd(&sock);
}

static int ask_plain(const struct workload *w, json_t *request_take, json_t **ret,
                     struct error **err)
{
    int sock = ask(w, request_take, NULL, 0, ret, err);
    fd_close(sock);
    return sock < 0 ? sock : 0;
}

/* --- create --------------------------------------------------------------------------------------
 */

/* A terminal whose other end passes bytes on as they are: the machine has the line discipline. */
static int open_terminal(struct opt_u32 rows, struct opt_u32 columns, int *ret_master,
                         int *ret_slave, struct error **err)
{
    struct termios raw;
    struct winsize size = {.ws_row = (unsigned short)rows.value,
                           .ws_col = (unsigned short)columns.value};
    if (openpty(ret_master, ret_slave, NULL, NULL, rows.set ? &size : NULL) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "a terminal");
    }
    (void)fcntl(*ret_master, F_SETFD, FD_CLOEXEC); /* a descriptor of ours: cannot fail */
    (void)fcntl(*ret_slave, F_SETFD, FD_CLOEXEC);
    if (tcgetattr(*ret_slave, &raw) == 0) {
        cfmakeraw(&raw);
        (void)tcsetattr(*ret_slave, TCSANOW, &raw); /* at worst an echo */
    }
    return 0;
}

static int listen_in(const char *state_dir, struct error **err)
{
    struct sockaddr_un address;
    CLEANUP(fd) int folder = -1;
    int r = socket_in(state_dir, &address, &folder, err);
    CLEANUP(fd) int sock = r < 0 ? -1 : socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (r < 0) {
        return r;
    }
    (void)unlinkat(folder, "vm.sock", 0); /* of an earlier start */
    if (sock < 0 || bind(sock, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        listen(sock, SOMAXCONN) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "the machine's socket");
    }
    return take_fd(&sock);
}

/* The kernel's and the monitor's last word, for an error that has none of its own. */
static int with_last_words(const char *log, int result, struct error **err)
{
    CLEANUP(free) char *text = NULL;
    if (file_read(AT_FDCWD, log, 1 << 20, &text, NULL, NULL) < 0 || !text[0]) {
        return result;
    }
    size_t len = strlen(text);
    while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r')) {
        text[--len] = '\0';
    }
    const char *line = strrchr(text, '\n');
    return error_hint(err, result, "its last words: %s", line ? line + 1 : text);
}

/* Forks the relay into a network namespace of its own. */
static pid_t fork_relay(const struct relay_settings *s)
{
    pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWNET | SIGCHLD, NULL, NULL, NULL, NULL);
    if (pid == 0) {
        relay_run(s);
    }
    return pid;
}

static void stop_relay(const struct workload *w)
{
    CLEANUP(fd) int pidfd = (int)syscall(SYS_pidfd_open, w->pid, 0);
    struct pollfd p = {.fd = pidfd, .events = POLLIN};
    if (pidfd >= 0 && is_alive(w)) {
        (void)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0); /* it may just have ended */
        (void)poll(&p, 1, DELETE_MS);
    }
}

/* The relay runs: the engine attaches the network, then it may go on. */
static int set_up(const struct workload *w, int ready, const struct wall_callbacks *c,
                  struct error **err)
{
    CLEANUP(json) json_t *reply = NULL;
    int r = save(w, err);
    r = r < 0 || !c->beside ? r : c->beside(c->context, w->pid, err);
    if (r >= 0 && send(ready, "g", 1, MSG_NOSIGNAL) != 1) {
        r = error_set_errno(err, ERROR_KERNEL, errno, "the machine's relay");
    }
    r = r < 0 ? r : receive(ready, &reply, err);
    if (r >= 0 && c->timing) {
        c->timing(c->context, "machine");
    }
    return r;
}

static int create_relay(struct plan *plan, struct relay_settings *s, const struct wall_callbacks *c,
                        struct workload **ret, struct error **err)
{
    int ends[2];
    CLEANUP(free) char *log = str_format("%s/machine.log", plan->state_dir);
    CLEANUP(fd) int listener = listen_in(plan->state_dir, err);
    CLEANUP(fd)
    int log_fd = listener < 0
                     ? -1
                     : open_file(AT_FDCWD, log, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600, err);
    if (log_fd < 0) {
        return -1;
    }
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "the machine's relay");
    }
    CLEANUP(fd) int ready = ends[0];
    s->ready = ends[1];
    s->listener = listener;
    s->log = log_fd;
    struct workload w = {.state_dir = plan->state_dir ? xstrdup(plan->state_dir) : NULL};
    w.pid = fork_relay(s);
    fd_close(ends[1]);
    CLEANUP(fd) int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    w.pid_start = w.pid > 0 ? process_start_time(proc, w.pid) : 0;
    int r = w.pid < 0 ? error_set_errno(err, ERROR_KERNEL, errno, "the machine's relay")
                      : set_up(&w, ready, c, err);
    if (r < 0) {
        if (w.pid > 0) {
            stop_relay(&w);
            (void)waitpid(w.pid, NULL, 0);
        }
        free(w.state_dir);
        return with_last_words(log, r, err);
    }
    *ret = xcalloc(1, sizeof(**ret));
    **ret = w;
    return 0;
}

static int vm_create(struct plan *plan, const struct wall_io *io, const struct wall_callbacks *c,
                     struct workload **ret, struct error **err)
{
    struct relay_settings s = {.plan = plan, .io = *io};
    CLEANUP(fd) int master = -1;
    CLEANUP(fd) int slave = -1;
    int r = vm_assets_open(plan, &s.assets, err);
    if (r < 0) {
        return r;
    }
    if (c->timing) {
        c->timing(c->context, "assets");
    }
    if (s.assets.monitor == VM_QEMU && c->warning) {
        c->warning(c->context, "no usable KVM here: the machine is emulated, and slow");
    }
    if (plan->terminal) {
        r = open_terminal(plan->rows, plan->columns, &master, &slave, err);
        s.io = (struct wall_io){slave, slave, slave};
    }
    r = r < 0 ? r : create_relay(plan, &s, c, ret, err);
    if (r >= 0 && plan->terminal) {
        c->console(c->context, take_fd(&master));
    }
    vm_assets_close(&s.assets);
    return r;
}

/* --- the rest ------------------------------------------------------------------------------------
 */

static int vm_start(struct workload *w, struct error **err)
{
    return ask_plain(w, json_pack("{s:s}", "request", "start"), NULL, err);
}

static pid_t vm_pid(const struct workload *w)
{
    return is_alive(w) ? w->pid : 0;
}

static enum wall_state vm_state(struct workload *w)
{
    return is_alive(w) ? WALL_RUNNING : WALL_STOPPED;
}

static int vm_signal(struct workload *w, int signal, bool all, struct error **err)
{
    CLEANUP(error) struct error *mine = NULL;
    int r = ask_plain(
        w, json_pack("{s:s, s:i, s:b}", "request", "signal", "signal", signal, "all", all), NULL,
        &mine);
    if (r < 0 && signal == SIGKILL) { /* an agent that does not answer is no protection */
        stop_relay(w);
        return 0;
    }
    return r < 0 ? error_move(err, &mine, r) : 0;
}

static int vm_pause(struct workload *w, struct error **err)
{
    return ask_plain(w, json_pack("{s:s}", "request", "pause"), NULL, err);
}

static int vm_resume(struct workload *w, struct error **err)
{
    return ask_plain(w, json_pack("{s:s}", "request", "resume"), NULL, err);
}

static int vm_update(struct workload *w, const struct spec_resources *r, struct error **err)
{
    return ask_plain(
        w, json_pack("{s:s, s:o}", "request", "update", "resources", spec_resources_to_json(r)),
        NULL, err);
}

static int vm_stats(struct workload *w, struct wall_stats *ret, struct error **err)
{
    CLEANUP(json) json_t *reply = NULL;
    int r = ask_plain(w, json_pack("{s:s}", "request", "stats"), &reply, err);
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
    *ret_oom_killed = access(path, F_OK) == 0;
    *ret_pids_refused = false;
}

/* A process that ends as the executed one does. */
static pid_t fork_waiter(int sock)
{
    pid_t pid = fork();
    if (pid == 0) {
        CLEANUP(json) json_t *end = NULL;
        int r = receive(sock, &end, NULL);
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
        int r = open_terminal(p->console_height, p->console_width, &master, &slave, err);
        if (r < 0) {
            return r;
        }
        fds[0] = fds[1] = fds[2] = slave;
    }
    json_t *request = json_pack("{s:s, s:b, s:o}", "request", "exec", "privileged",
                                exec->privileged, "process", spec_process_to_json(p));
    CLEANUP(fd) int sock = ask(w, request, fds, ARRAY_SIZE(fds), NULL, err);
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
    static const char *const left[] = {"vm.sock", "machine.log", "oom", "wall.json"};
    CLEANUP(fd) int folder = open_file(AT_FDCWD, w->state_dir, O_PATH | O_DIRECTORY, 0, err);
    stop_relay(w); /* the monitor dies with it */
    for (size_t i = 0; folder >= 0 && i < ARRAY_SIZE(left); i++) {
        (void)unlinkat(folder, left[i], 0); /* idempotent */
    }
    vm_close(w);
    return folder < 0 ? folder : 0;
}

static void vm_set_warning(struct workload *w, wall_warning *warning, void *context)
{
    (void)w; /* hooks are what would warn, and there are none */
    (void)warning;
    (void)context;
}

const struct wall_ops wall_vm = {
    .name = "vm",
    .one_interface = true,
    .plan = vm_plan,
    .describe = vm_describe,
    .plan_free = vm_plan_free,
    .create = vm_create,
    .start = vm_start,
    .open = vm_open,
    .set_warning = vm_set_warning,
    .close = vm_close,
    .pid = vm_pid,
    .state = vm_state,
    .signal = vm_signal,
    .exec = vm_exec,
    .pause = vm_pause,
    .resume = vm_resume,
    .update = vm_update,
    .stats = vm_stats,
    .limits_hit = vm_limits_hit,
    .delete = vm_delete,
};
