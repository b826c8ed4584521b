// SPDX-License-Identifier: Apache-2.0
/* From the files of the store to a running workload. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "engine/draft.h"
#include "engine/monitor/monitor.h"
#include "engine/spawn.h"
#include "engine/writable.h"

static void timing(void *context, const char *phase)
{
    struct monitor *m = context;
    if (!(m->flags & MONITOR_TIMING) || m->creator < 0) {
        return;
    }
    struct {
        struct frame_timing head;
        char name[56];
    } f = {.head.monotonic_ns = clock_ns()};
    (void)stpncpy(f.name, phase, sizeof(f.name) - 1);
    IGNORE(frame_send(m->creator, FRAME_TIMING, &f, sizeof(f.head) + strlen(f.name)) < 0);
}

/* Who waits for the start is told; a later start has nobody. */
static void warning(void *context, const char *text)
{
    struct monitor *m = context;
    IGNORE(m->creator >= 0 && frame_send(m->creator, FRAME_WARNING, text, strlen(text)) < 0);
}

static int beside(void *context, pid_t pid, struct error **err)
{
    struct monitor *m = context;
    int r = monitor_network_beside(m, pid, err);
    if (m->network) {
        timing(m, "network");
    }
    return r;
}

static void console(void *context, int master_fd)
{
    struct monitor *m = context;
    monitor_output_add(m, &m->out, master_fd, "stdout", FRAME_STDOUT);
    monitor_input_add(m, fcntl(master_fd, F_DUPFD_CLOEXEC, 3));
}

struct pipes { /* [0] is read, [1] written */
    int in[2], out[2], err[2];
};
static void pipes_close(struct pipes *p)
{
    int *all = p->in;
    for (size_t i = 0; i < sizeof(*p) / sizeof(int); i++) {
        all[i] = fd_close(all[i]);
    }
}

static int make_pipe(int fds[2], struct error **err)
{
    return pipe2(fds, O_CLOEXEC) < 0 ? error_set_errno(err, ERROR_KERNEL, errno, "making a pipe")
                                     : 0;
}

static int make_pipes(const struct container *c, struct pipes *p, struct error **err)
{
    *p = (struct pipes){{-1, -1}, {-1, -1}, {-1, -1}};
    if (c->tty) {
        return 0;
    }
    int r = make_pipe(p->out, err);
    if (r == 0) {
        r = make_pipe(p->err, err);
    }
    if (r == 0 && c->open_stdin) {
        r = make_pipe(p->in, err);
    } else if (r == 0) {
        r = p->in[0] = open_file(AT_FDCWD, "/dev/null", O_RDONLY, 0, err);
    }
    return r < 0 ? r : 0;
}

static void keep_our_ends(struct monitor *m, struct pipes *p)
{
    if (m->container->tty) {
        return;
    }
    monitor_output_add(m, &m->out, take_fd(&p->out[0]), "stdout", FRAME_STDOUT);
    monitor_output_add(m, &m->err, take_fd(&p->err[0]), "stderr", FRAME_STDERR);
    if (p->in[1] >= 0) {
        monitor_input_add(m, take_fd(&p->in[1]));
    }
}

static int plan(struct monitor *m, const struct spec *spec, struct plan **ret, struct error **err)
{
    CLEANUP(free) char *state_dir = container_run_path(&m->engine, m->container->id, "wall");
    if (mkdir(state_dir, 0700) < 0 && errno != EEXIST) {
        return error_set_errno(err, ERROR_KERNEL, errno, "making the folder '%s'", state_dir);
    }
    return container_plan(&m->engine, m->container, spec, m->wall, ret, err);
}

/* Nobody waits for a container whose starting command was killed. */
static int check_creator(const struct monitor *m, struct error **err)
{
    struct pollfd p = {.fd = m->creator, .events = POLLRDHUP};
    if (m->creator >= 0 && poll(&p, 1, 0) > 0 && (p.revents & (POLLRDHUP | POLLHUP))) {
        return error_set(err, ERROR_BUSY, EINTR, "interrupted");
    }
    return 0;
}

static int create_and_start(struct monitor *m, struct plan *p, struct error **err)
{
    struct pipes pipes;
    int r = make_pipes(m->container, &pipes, err);
    if (r == 0) {
        struct wall_io io = {pipes.in[0], pipes.out[1], pipes.err[1]};
        struct wall_callbacks callbacks = {m, beside, console, timing, warning};
        r = m->wall->create(p, &io, &callbacks, &m->workload, err);
    }
    if (r >= 0) {
        m->pid = m->wall->pid(m->workload);
        r = check_creator(m, err);
    }
    if (r >= 0) {
        (void)clock_gettime(CLOCK_REALTIME, &m->started_at);
        r = m->wall->start(m->workload, err);
    }
    if (r >= 0) {
        keep_our_ends(m, &pipes);
        timing(m, "exec");
    }
    pipes_close(&pipes);
    return r < 0 ? r : 0;
}

static int open_log(struct monitor *m, struct error **err)
{
    const struct container *c = m->container;
    if (!str_equal(c->log_driver, "json-file") || m->log.path) {
        return 0;
    }
    CLEANUP(free) char *name = str_format("%s-json.log", c->id);
    CLEANUP(free) char *path = container_data_path(&m->engine, c->id, name);
    return log_open(&m->log, path, c->log_max_bytes, c->log_max_files, err);
}

static int launch(struct monitor *m, struct error **err)
{
    CLEANUP(spec) struct spec *spec = NULL;
    struct plan *p = NULL;
    CLEANUP(free) char *config = container_data_path(&m->engine, m->container->id, "config.json");
    int r = wall_find(m->container->wall, &m->wall, err);
    if (r == 0) {
        r = writable_enter(&m->engine, m->container, err);
    }
    if (r == 0) {
        r = open_log(m, err);
    }
    if (r == 0) {
        r = monitor_network_reserve(m, err);
    }
    if (r == 0) {
        r = spec_load_path(AT_FDCWD, config, &spec, err);
    }
    if (r == 0) {
        r = plan(m, spec, &p, err);
        timing(m, "monitor");
    }
    if (r >= 0) {
        r = create_and_start(m, p, err);
        m->wall->plan_free(p);
    }
    return r < 0 ? r : 0;
}

int monitor_launch(struct monitor *m, struct error **err)
{
    m->exited = m->oom_killed = m->pids_limit_hit = false;
    m->deadline_ms = 0;
    int r = launch(m, err);
    if (r == 0) {
        monitor_health_start(m);
        r = monitor_record_state(m, CONTAINER_RUNNING, err);
    }
    if (r < 0) {
        r = error_wrap(err, r, "cannot start '%s'", m->container->name);
        monitor_dismantle(m);
        monitor_network_detach(m);
        return r;
    }
    m->started = true;
    monitor_event(m, "start", NULL);
    return 0;
}

/* Asked before the groups go: afterwards nobody knows. */
static void read_marks(struct monitor *m)
{
    if (m->wall->limits_hit) {
        m->wall->limits_hit(m->workload, &m->oom_killed, &m->pids_limit_hit);
    }
    if (m->wall->end_reason && !m->failure) {
        m->failure = m->wall->end_reason(m->workload);
    }
}

void monitor_dismantle(struct monitor *m)
{
    if (m->workload) {
        if (m->exited) {
            read_marks(m);
        }
        CLEANUP(error) struct error *e = NULL;
        if (m->wall->delete (m->workload, &e) < 0 && !m->failure) {
            m->failure = error_text(e);
        }
        m->workload = NULL;
    }
    m->pid = 0;
    monitor_health_end(m);
    source_remove(m, &m->input);
    source_remove(m, &m->out.source);
    source_remove(m, &m->err.source);
    strbuf_done(&m->input_pending);
    m->input_pending = (struct strbuf){0};
    m->input_end_wanted = false;
    log_flush(&m->log);
}
