// SPDX-License-Identifier: Apache-2.0
/* Who is connected to attach.sock, what they ask, and what they are sent. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/clock.h"
#include "engine/monitor/monitor.h"

#define CLIENTS_MAX                                                                                \
    64 /* connections at once: each may hold one unsent frame of 16 KiB a stream                   \
        */

struct unsent {
    uint32_t type, len;
};

static bool is_stuck(const struct client *c)
{
    return c->unsent.len > 0 && !c->gone;
}

bool monitor_clients_stuck(const struct monitor *m)
{
    for (const struct client *c = m->clients; c; c = c->next) {
        if (is_stuck(c)) {
            return true;
        }
    }
    return false;
}

static void send_or_keep(struct monitor *m, struct client *c, enum frame_type type,
                         const void *bytes, size_t len)
{
    int r = is_stuck(c) ? -EAGAIN : frame_send(c->source.fd, type, bytes, len);
    if (r == -EAGAIN) {
        struct unsent head = {(uint32_t)type, (uint32_t)len};
        c->stuck_since_ms = c->stuck_since_ms ? c->stuck_since_ms : clock_ms();
        strbuf_add(&c->unsent, &head, sizeof(head));
        strbuf_add(&c->unsent, bytes, len);
        source_want(m, &c->source, EPOLLIN | EPOLLOUT);
        monitor_output_pause(m, true);
    } else if (r < 0) {
        c->gone = true;
    }
}

static void send_kept(struct monitor *m, struct client *c)
{
    size_t at = 0;
    while (at < c->unsent.len) {
        struct unsent head;
        memcpy(&head, c->unsent.data + at, sizeof(head));
        int r = frame_send(c->source.fd, head.type, c->unsent.data + at + sizeof(head), head.len);
        if (r == -EAGAIN) {
            memmove(c->unsent.data, c->unsent.data + at, c->unsent.len - at);
            c->unsent.len -= at;
            return;
        }
        if (r < 0) {
            c->gone = true;
            return;
        }
        at += sizeof(head) + head.len;
        c->stuck_since_ms = clock_ms();
    }
    strbuf_done(&c->unsent);
    c->unsent = (struct strbuf){0};
    c->stuck_since_ms = 0;
    source_want(m, &c->source, EPOLLIN);
}

void monitor_clients_output(struct monitor *m, enum frame_type type, const char *bytes, size_t len)
{
    for (struct client *c = m->clients; c; c = c->next) {
        if (!c->gone && (type == FRAME_STDOUT ? c->out : c->err)) {
            send_or_keep(m, c, type, bytes, len);
        }
    }
}

void monitor_clients_exit(struct monitor *m, bool final)
{
    struct frame_exit x = {.code = monitor_exit_code(m),
                           .final = final,
                           .oom_killed = m->oom_killed,
                           .pids_limit_hit = m->pids_limit_hit};
    for (struct client *c = m->clients; c; c = c->next) {
        if (!c->gone && !is_stuck(c)) {
            IGNORE(frame_send(c->source.fd, FRAME_EXIT, &x, sizeof(x)) < 0); /* it has gone */
        }
    }
}

/* The workload's standard input. */

static void input_close(struct monitor *m)
{
    if (!m->container->tty) {
        source_remove(m, &m->input);
    }
    m->input_end_wanted = false;
}

static void clients_want_input(struct monitor *m, bool wanted)
{
    for (struct client *c = m->clients; c; c = c->next) {
        if (c->in && !c->gone) {
            source_want(m, &c->source, (wanted ? EPOLLIN : 0) | (is_stuck(c) ? EPOLLOUT : 0));
        }
    }
}

static void input_flush(struct monitor *m)
{
    struct strbuf *b = &m->input_pending;
    while (b->len && m->input.fd >= 0) {
        ssize_t n = write(m->input.fd, b->data, b->len);
        if (n < 0 && errno == EAGAIN) {
            source_want(m, &m->input, EPOLLOUT);
            clients_want_input(m, false);
            return;
        }
        if (n < 0 && errno != EINTR) { /* nobody reads any more */
            source_remove(m, &m->input);
            break;
        }
        n = n < 0 ? 0 : n;
        memmove(b->data, b->data + n, b->len - (size_t)n);
        b->len -= (size_t)n;
    }
    strbuf_done(b);
    *b = (struct strbuf){0};
    source_want(m, &m->input, 0);
    clients_want_input(m, true);
    if (m->input_end_wanted) {
        input_close(m);
    }
}

static void input_ready(struct monitor *m, struct source *s, uint32_t events)
{
    if (events & EPOLLERR && !m->container->tty) { /* the reading end is closed */
        source_remove(m, s);
    }
    input_flush(m);
}

void monitor_input_add(struct monitor *m, int fd)
{
    int flags = fcntl(fd, F_GETFL);
    (void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    source_add(m, &m->input, fd, 0, input_ready);
}

static void input_end(struct monitor *m)
{
    if (m->container->stdin_once) {
        m->input_end_wanted = true;
        input_flush(m);
    }
}

/* Requests. */

static void answer(struct monitor *m, struct client *c, int r, struct error **e)
{
    int sent =
        r < 0 ? frame_send_error(c->source.fd, *e) : frame_send(c->source.fd, FRAME_OK, NULL, 0);
    if (sent < 0) {
        c->gone = true;
    }
}

static int not_running(const struct monitor *m, struct error **err)
{
    return error_set(err, ERROR_BUSY, 0, "container %s is not running", m->container->name);
}

/* A signal that Docker takes as the user's will to stop it: no restart afterwards. */
static bool is_stopping(const struct monitor *m, int signal)
{
    return signal == SIGKILL || signal == SIGTERM;
}

static int deliver(struct monitor *m, const struct frame *f, struct error **err)
{
    struct frame_signal s;
    if (f->len != sizeof(s)) {
        return error_set(err, ERROR_INVALID_INPUT, EPROTO, "a malformed request");
    }
    memcpy(&s, f->data, sizeof(s));
    m->stop_wanted = m->stop_wanted || f->type == FRAME_STOP || is_stopping(m, s.signal);
    if (f->type == FRAME_STOP && !m->workload) {
        return 0; /* between two starts: there will be none */
    }
    if (!m->workload || m->exited) {
        return not_running(m, err);
    }
    int r = m->wall->signal(m->workload, s.signal, false, err);
    if (r >= 0) {
        CLEANUP(free) char *number = str_format("%d", s.signal);
        monitor_event(m, "kill", json_pack("{s:s}", "signal", number));
    }
    return r;
}

static int pause_resume(struct monitor *m, bool pausing, struct error **err)
{
    int (*op)(struct workload *, struct error **) = pausing ? m->wall->pause : m->wall->resume;
    if (!m->workload || m->exited) {
        return not_running(m, err);
    }
    if (!op) {
        return wall_cannot(m->wall, pausing ? "pause" : "unpause", err);
    }
    bool paused = m->container->status == CONTAINER_PAUSED;
    if (paused == pausing) {
        return error_set(err, ERROR_BUSY, 0, "container %s is %s", m->container->name,
                         paused ? "already paused" : "not paused");
    }
    int r = op(m->workload, err);
    if (r >= 0) {
        r = monitor_record_state(m, pausing ? CONTAINER_PAUSED : CONTAINER_RUNNING, err);
        monitor_event(m, pausing ? "pause" : "unpause", NULL);
    }
    return r;
}

static void resize(const struct monitor *m, const struct frame *f)
{
    struct frame_size size;
    if (f->len == sizeof(size) && m->container->tty && m->input.fd >= 0) {
        memcpy(&size, f->data, sizeof(size));
        struct winsize w = {.ws_row = size.rows, .ws_col = size.columns};
        (void)ioctl(m->input.fd, TIOCSWINSZ, &w); /* a terminal that has just gone */
    }
}

void monitor_client_attach(struct client *c, const struct frame_attach *what)
{
    c->in = what->in;
    c->out = what->out;
    c->err = what->err;
}

static void stdin_bytes(struct monitor *m, struct client *c, const struct frame *f)
{
    if (c->in && m->input.fd >= 0 && !m->input_end_wanted) {
        strbuf_add(&m->input_pending, f->data, f->len);
        input_flush(m);
    }
}

static void request(struct monitor *m, struct client *c, const struct frame *f)
{
    CLEANUP(error) struct error *e = NULL;
    struct frame_attach what;
    switch (f->type) {
    case FRAME_ATTACH:
        if (f->len == sizeof(what)) {
            memcpy(&what, f->data, sizeof(what));
            monitor_client_attach(c, &what);
        }
        return;
    case FRAME_STDIN:
        stdin_bytes(m, c, f);
        return;
    case FRAME_STDIN_END:
        c->in = false;
        input_end(m);
        return;
    case FRAME_RESIZE:
        resize(m, f);
        return;
    case FRAME_SIGNAL:
    case FRAME_STOP:
        answer(m, c, deliver(m, f, &e), &e);
        return;
    case FRAME_PAUSE:
    case FRAME_RESUME:
        answer(m, c, pause_resume(m, f->type == FRAME_PAUSE, &e), &e);
        return;
    case FRAME_EXEC:
        answer(m, c, monitor_exec(m, (const char *)f->data, &e), &e);
        return;
    default:
        c->gone = true;
    }
}

static void client_ready(struct monitor *m, struct source *s, uint32_t events)
{
    static struct frame f;
    struct client *c = (struct client *)s;
    if (c->gone) {
        return;
    }
    if (events & EPOLLOUT) {
        send_kept(m, c);
    }
    if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR))) {
        return;
    }
    int r = frame_receive(s->fd, &f);
    if (r > 0) {
        request(m, c, &f);
    } else if (r != -EAGAIN) {
        c->gone = true;
    }
}

struct client *monitor_client_add(struct monitor *m, int fd_take)
{
    struct client *c = xcalloc(1, sizeof(*c));
    (void)fcntl(fd_take, F_SETFL, O_NONBLOCK);
    c->next = m->clients;
    m->clients = c;
    source_add(m, &c->source, fd_take, EPOLLIN, client_ready);
    return c;
}

static void listener_ready(struct monitor *m, struct source *s, uint32_t events)
{
    size_t count = 0;
    for (const struct client *c = m->clients; c; c = c->next) {
        count++;
    }
    int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0 && count >= CLIENTS_MAX) {
        fd_close(fd);
    } else if (fd >= 0) {
        (void)monitor_client_add(m, fd);
    }
}

static void client_free(struct monitor *m, struct client *c)
{
    bool had_input = c->in;
    source_remove(m, &c->source);
    strbuf_done(&c->unsent);
    free(c);
    if (had_input) {
        input_end(m);
    }
}

/* A client that attached later and takes nothing is sent away; the starting one is waited for, but
 * not past the workload's end. */
static bool is_hopeless(const struct monitor *m, const struct client *c)
{
    return is_stuck(c) && (!c->patient || (m->exited && m->stop_wanted)) &&
           clock_ms() - c->stuck_since_ms > ATTACH_PATIENCE_MS;
}

void monitor_clients_sweep(struct monitor *m)
{
    bool were_stuck = false;
    for (struct client **at = &m->clients; *at;) {
        struct client *c = *at;
        if (is_hopeless(m, c)) {
            static const char why[] = "it took none of the output for too long";
            IGNORE(frame_send(c->source.fd, FRAME_DETACHED, why, sizeof(why) - 1) < 0);
            c->gone = true;
        }
        if (c->gone) {
            were_stuck = true;
            *at = c->next;
            client_free(m, c);
        } else {
            at = &c->next;
        }
    }
    if (!monitor_clients_stuck(m) && (were_stuck || !(m->out.source.events & EPOLLIN))) {
        monitor_output_pause(m, false);
    }
}

void monitor_clients_close(struct monitor *m)
{
    for (struct client *c = m->clients; c; c = c->next) {
        c->gone = true;
        c->in = false;
    }
    monitor_clients_sweep(m);
    source_remove(m, &m->listener);
}

/* Bound through the folder's fd: a socket's path holds 107 bytes, a run root may be longer. */
int monitor_listen(struct monitor *m, struct error **err)
{
    CLEANUP(free) char *folder = container_run_path(&m->engine, m->container->id, NULL);
    CLEANUP(fd) int dir = open_file(AT_FDCWD, folder, O_PATH | O_DIRECTORY, 0, err);
    if (dir < 0) {
        return dir;
    }
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    (void)snprintf(a.sun_path, sizeof(a.sun_path), "/proc/self/fd/%d/attach.sock", dir);
    CLEANUP(fd) int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    (void)unlinkat(dir, "attach.sock", 0); /* of a monitor that was killed */
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 32) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "listening on '%s/attach.sock'", folder);
    }
    source_add(m, &m->listener, take_fd(&fd), EPOLLIN, listener_ready);
    return 0;
}
