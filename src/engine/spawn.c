// SPDX-License-Identifier: Apache-2.0
#include "engine/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/paths.h"
#include "base/sealed.h"
#include "base/signals.h"
#include "engine/container_json.h"

void monitor_handle_done(struct monitor_handle *m)
{
    m->sock = fd_close(m->sock);
    m->lock = fd_close(m->lock);
    m->object = fd_close(m->object);
}

/* The lock file may be removed by a monitor that ends between our opening and locking it. */
static int take_monitor_lock(const char *folder, struct error **err)
{
    CLEANUP(free) char *path = str_format("%s/monitor.lock", folder);
    for (;;) {
        struct stat st;
        int r = mkdir(folder, 0711) < 0 && errno != EEXIST ? mkdir_all(folder, 0711, err) : 0;
        if (r < 0) {
            return r;
        }
        CLEANUP(fd) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0 && errno == ENOENT) {
            continue;
        }
        if (fd < 0) {
            return error_set_errno(err, ERROR_KERNEL, errno, "making '%s'", path);
        }
        r = lock_fd(fd, LOCK_EXCLUSIVE, true, err);
        if (r < 0) {
            return r;
        }
        if (fstat(fd, &st) == 0 && st.st_nlink > 0) {
            return take_fd(&fd);
        }
    }
}

int monitor_prepare(const struct engine *e, struct container *c, bool fresh, int object_take,
                    struct monitor_handle *ret, struct error **err)
{
    *ret = (struct monitor_handle){.sock = -1, .lock = -1, .object = object_take};
    CLEANUP(free) char *folder = container_run_path(e, c->id, NULL);
    CLEANUP(free) char *path = container_run_path(e, c->id, "state.json");
    CLEANUP(free) char *last = container_run_path(e, c->id, "exit.json");
    ret->lock = take_monitor_lock(folder, err);
    int r = ret->lock;
    if (r >= 0) {
        c->status = CONTAINER_CREATED;
        c->fresh = fresh;
        CLEANUP(json) json_t *state = container_state_to_json(c);
        r = json_save_path(AT_FDCWD, path, state, 0600, false, err);
        (void)(fresh ? 0 : unlink(last)); /* there for a disk that was full at its last end alone */
    }
    if (r < 0) {
        monitor_handle_done(ret);
    }
    return r < 0 ? r : 0;
}

struct spawn { /* all that the child needs, made before vfork */
    int program, null, fds[3];
    char *const *arguments;
};

/* Between vfork and exec, on the parent's memory: system calls only. The inherited fds are moved
 * out of the way first, for one may sit where another must go; what is not handed over closes with
 * the exec. Returns on failure alone. */
static void child(const struct spawn *s, sigset_t *none)
{
    static char *const environment[] = {
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", NULL};
    const int given[] = {s->fds[0], s->fds[1], s->fds[2], s->program};
    int high[ARRAY_SIZE(given)];
    for (size_t i = 0; i < ARRAY_SIZE(given); i++) {
        high[i] = fcntl(given[i], F_DUPFD_CLOEXEC, MONITOR_FD_OBJECT + 1);
        if (high[i] < 0) {
            return;
        }
    }
    for (int i = 0; i < 3; i++) {
        dup3(s->null, i, 0);
    }
    for (int i = 0; i < 3; i++) {
        dup3(high[i], MONITOR_FD_CLIENT + i, 0);
    }
    (void)setsid();
    IGNORE(chdir("/") < 0);
    (void)umask(022);
    (void)sigprocmask(SIG_SETMASK, none, NULL);
    (void)syscall(SYS_close_range, MONITOR_FD_OBJECT + 1, ~0U, CLOSE_RANGE_CLOEXEC);
    (void)syscall(SYS_execveat, high[3], "", s->arguments, environment, AT_EMPTY_PATH);
}

static int spawn(const struct spawn *s, pid_t *ret_pid)
{
    sigset_t none;
    (void)sigemptyset(&none);
    volatile int code = 0; /* shared with the child until it executes */
    pid_t pid = vfork(); /* NOLINT: half a millisecond less than fork; the child obeys its rules */
    if (pid == 0) {
        child(s, &none); /* NOLINT */
        code = errno;    /* NOLINT */
        _exit(127);
    }
    if (pid < 0) {
        return -errno;
    }
    if (code) {
        (void)waitpid(pid, NULL, 0); /* it has just left by _exit */
        return -code;
    }
    *ret_pid = pid;
    return 0;
}

int monitor_spawn(const struct engine *e, const struct container *c, unsigned flags,
                  const struct frame_attach *attach, struct monitor_handle *m, struct error **err)
{
    CLEANUP(free) char *path = program_path("cloison-monitor");
    CLEANUP(fd) int program = sealed_open(path, err);
    if (program < 0) {
        return program;
    }
    CLEANUP(fd) int null = open_file(AT_FDCWD, "/dev/null", O_RDWR, 0, err);
    if (null < 0) {
        return null;
    }
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "making a socket for the monitor");
    }
    CLEANUP(fd) int theirs = pair[1];
    m->sock = pair[0];
    int r = attach ? frame_send(m->sock, FRAME_ATTACH, attach, sizeof(*attach)) : 0;
    if (r < 0) {
        return error_set_errno(err, ERROR_KERNEL, -r, "writing to the monitor");
    }
    CLEANUP(strv) struct strv arguments = {0};
    strv_add(&arguments, path);
    strv_add(&arguments, e->data_dir);
    strv_add(&arguments, e->run_dir);
    strv_add(&arguments, e->config_path);
    strv_add(&arguments, c->id);
    strv_addf(&arguments, "%u", flags | (attach ? MONITOR_FOREGROUND : 0));
    struct spawn s = {.program = program, .null = null, .fds = {theirs, m->lock, m->object}};
    s.arguments = arguments.items;
    r = spawn(&s, &m->pid);
    if (r < 0) {
        return error_set_errno(err, ERROR_KERNEL, -r, "executing '%s'", path);
    }
    m->lock = fd_close(m->lock);
    m->object = fd_close(m->object);
    return 0;
}

/* While the start is under way a signal ends it: our end of the socket closes, the monitor undoes
 * all and closes its own. The signal stays pending, for the command to end by. */
static int interrupted(struct monitor_handle *m, struct error **err)
{
    (void)shutdown(m->sock, SHUT_WR);
    struct frame f;
    int r;
    do {
        r = frame_receive(m->sock, &f);
    } while (r > 0 && f.type != FRAME_FAILED);
    return error_set(err, ERROR_BUSY, EINTR, "interrupted before the start");
}

static int await_frame(struct monitor_handle *m, int signal_fd, struct frame *f, struct error **err)
{
    struct pollfd fds[2] = {{m->sock, POLLIN, 0}, {signal_fd, POLLIN, 0}};
    while (poll(fds, 2, -1) < 0) {
        if (errno != EINTR) {
            return error_set_errno(err, ERROR_KERNEL, errno, "waiting for the monitor");
        }
    }
    if (fds[0].revents == 0) {
        return interrupted(m, err);
    }
    int r = frame_receive(m->sock, f);
    if (r <= 0) {
        return error_set(err, ERROR_INTERNAL, EPIPE, "the monitor ended before the start");
    }
    return 0;
}

int monitor_await(struct monitor_handle *m, monitor_timing *timing, void *context,
                  struct error **err)
{
    sigset_t signals, old;
    signals_hold(&signals, &old);
    CLEANUP(fd) int signal_fd = signalfd(-1, &signals, SFD_CLOEXEC);
    struct frame f = {0};
    int r;
    while ((r = await_frame(m, signal_fd, &f, err)) == 0 && f.type != FRAME_STARTED) {
        if (f.type == FRAME_FAILED) {
            r = frame_to_error(&f, err);
            break;
        }
        if (f.type == FRAME_WARNING) {
            fprintf(stderr, "cloison: %.*s\n", (int)f.len, (const char *)f.data);
        }
        if (f.type == FRAME_TIMING && timing) {
            struct frame_timing t;
            memcpy(&t, f.data, sizeof(t));
            timing(context, (const char *)f.data + sizeof(t), t.monotonic_ns);
        }
    }
    (void)sigprocmask(SIG_SETMASK, &old, NULL);
    return r;
}
