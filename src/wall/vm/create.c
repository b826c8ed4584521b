// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
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
#include "base/process.h"
#include "wall/container/scope.h"
#include "wall/vm/hooks.h"
#include "wall/vm/workload.h"

/* A terminal whose other end passes bytes on as they are: the machine has the line discipline. */
int vm_open_terminal(struct opt_u32 rows, struct opt_u32 columns, int *ret_master, int *ret_slave,
                     struct error **err)
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
    int r = workload_socket(state_dir, &address, &folder, err);
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

/* The kernel's and the monitor's last words, for an error that has none of its own: of a machine
 * that ended or does not answer. What the agent says of the workload needs no other. */
static int with_last_words(const char *log, int result, struct error **err)
{
    static const int lost[] = {EPIPE, ETIMEDOUT, EPROTO};
    bool is_lost = false;
    for (size_t i = 0; i < ARRAY_SIZE(lost); i++) {
        is_lost |= (*err)->code == lost[i];
    }
    if (!is_lost) {
        return result;
    }
    CLEANUP(fd) int fd = open(log, O_RDONLY | O_CLOEXEC);
    CLEANUP(free) char *words = vm_last_words(fd);
    return words ? error_hint(err, result, "its last words: %s", words) : result;
}

pid_t vm_fork_relay(const struct relay_settings *s)
{
    const char *network = s->browse ? NULL : s->plan->network;
    unsigned long flags = SIGCHLD | (network ? 0 : CLONE_NEWNET);
    pid_t pid = (pid_t)syscall(SYS_clone, flags, NULL, NULL, NULL, NULL);
    if (pid == 0) {
        relay_run(s);
    }
    return pid;
}

/* The relay runs: the engine attaches the network, then it may go on. */
static int set_up(const struct workload *w, const struct plan *plan, const struct vm_hooks *hooks,
                  int ready, const struct wall_callbacks *c, struct error **err)
{
    CLEANUP(json) json_t *reply = NULL;
    int r = workload_save(w, err); /* first: whoever clears up after a crash must find the groups */
    r = r < 0 ? r : vm_groups_make(plan, w->pid, w->monitor, err);
    r = r < 0 ? r : vm_hooks_run(hooks, w->pid, err);
    r = r < 0 || !c->beside ? r : c->beside(c->context, w->pid, err);
    if (r >= 0 && send(ready, "g", 1, MSG_NOSIGNAL) != 1) {
        r = error_set_errno(err, ERROR_KERNEL, errno, "the machine's relay");
    }
    r = r < 0 ? r : relay_receive(ready, &reply, err);
    if (r >= 0 && c->timing) {
        c->timing(c->context, "machine");
    }
    return r;
}

/* The plan does not live as long as the workload. */
static void copy_groups(struct workload *w, const struct cgroup_plan *groups)
{
    w->groups = groups->set;
    for (size_t i = 0; i < w->groups.count; i++) {
        struct cgroup_group *g = &w->groups.groups[i];
        g->path = arena_strdup(w->arena, g->path);
        g->mount = arena_strdup(w->arena, g->mount);
    }
    w->scope = groups->scope ? arena_strdup(w->arena, groups->scope->place.unit) : NULL;
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
    struct workload w = {
        .state_dir = xstrdup(plan->state_dir), .monitor = s->assets.monitor, .arena = arena_new()};
    const struct vm_hooks hooks = {.spec = plan->spec, .id = plan->id, .bundle = plan->bundle};
    copy_groups(&w, &plan->groups);
    w.late_hooks = vm_hooks_record(&hooks);
    w.pid = vm_fork_relay(s);
    fd_close(ends[1]);
    CLEANUP(fd) int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    w.pid_start = w.pid > 0 ? process_start_time(proc, w.pid) : 0;
    int r = w.pid < 0 ? error_set_errno(err, ERROR_KERNEL, errno, "the machine's relay")
                      : set_up(&w, plan, &hooks, ready, c, err);
    if (r < 0) {
        if (w.pid > 0) {
            workload_stop_relay(&w);
            (void)waitpid(w.pid, NULL, 0);
        }
        IGNORE(workload_remove_groups(&w, NULL) < 0); /* delete() comes again */
        vm_hooks_run_late(w.late_hooks, "poststop", "stopped", w.pid, c->warning, c->context);
        json_decref(w.late_hooks);
        w.late_hooks = NULL; /* they have run: a delete() that comes again runs them no more */
        IGNORE(workload_save(&w, NULL) < 0);
        arena_free(w.arena);
        free(w.state_dir);
        return with_last_words(log, r, err);
    }
    *ret = xcalloc(1, sizeof(**ret));
    **ret = w;
    return 0;
}

int vm_create(struct plan *plan, const struct wall_io *io, const struct wall_callbacks *c,
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
    if (s.assets.monitor == VM_QEMU && !plan->monitor && c->warning) {
        c->warning(c->context, "no usable KVM here: the machine is emulated, and slow");
    }
    if (plan->terminal) {
        r = vm_open_terminal(plan->rows, plan->columns, &master, &slave, err);
        s.io = (struct wall_io){slave, slave, slave};
    }
    r = r < 0 ? r : create_relay(plan, &s, c, ret, err);
    if (r >= 0 && plan->terminal) {
        c->console(c->context, take_fd(&master));
    }
    vm_assets_close(&s.assets);
    return r;
}
