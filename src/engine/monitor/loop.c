// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "engine/monitor/monitor.h"

void source_add(struct monitor *m, struct source *s, int fd, uint32_t events,
                void (*ready)(struct monitor *, struct source *, uint32_t))
{
    *s = (struct source){.fd = fd, .events = events, .ready = ready};
    struct epoll_event e = {.events = events, .data.ptr = s};
    (void)epoll_ctl(m->epoll, EPOLL_CTL_ADD, fd, &e); /* fails for /dev/null alone: never ready */
}

void source_want(struct monitor *m, struct source *s, uint32_t events)
{
    if (s->fd >= 0 && s->events != events) {
        struct epoll_event e = {.events = events, .data.ptr = s};
        s->events = events;
        (void)epoll_ctl(m->epoll, EPOLL_CTL_MOD, s->fd, &e);
    }
}

/* Removed by hand before the close: a duplicate of the fd would keep it in the set. */
void source_remove(struct monitor *m, struct source *s)
{
    if (s->fd >= 0) {
        (void)epoll_ctl(m->epoll, EPOLL_CTL_DEL, s->fd, NULL);
        s->fd = fd_close(s->fd);
    }
}

/* Reaps everything: the workload's first process, and what was orphaned to us. */
static void reap(struct monitor *m)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (monitor_health_reap(m, pid, status)) {
            continue;
        }
        if (pid == m->pid && !m->exited) {
            m->exited = true;
            m->exit_status = status;
            m->exited_ms = clock_ms();
            (void)clock_gettime(CLOCK_REALTIME, &m->finished_at);
        }
    }
}

/* Asked to end (a system going down), the monitor stops its container; its user's wish is that it
 * runs, so nothing is noted for unless-stopped. */
static void asked_to_end(struct monitor *m)
{
    m->stop_wanted = true;
    if (m->workload && !m->exited) {
        IGNORE(m->wall->signal(m->workload, SIGTERM, false, NULL) < 0); /* it may just have ended */
        m->deadline_ms = clock_ms() + (int64_t)m->container->stop_timeout * 1000;
    }
}

static void signals_ready(struct monitor *m, struct source *s, uint32_t events)
{
    struct signalfd_siginfo info[4];
    ssize_t n = read(s->fd, info, sizeof(info));
    for (ssize_t i = 0; i < n / (ssize_t)sizeof(info[0]); i++) {
        if (info[i].ssi_signo == SIGTERM) {
            asked_to_end(m);
        } else if (info[i].ssi_signo == SIGIO) {
            monitor_resolver_changed(m);
        }
    }
    reap(m);
}

int monitor_loop_open(struct monitor *m, struct error **err)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGCHLD);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGIO);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    m->epoll = epoll_create1(EPOLL_CLOEXEC);
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (m->epoll < 0 || fd < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "making the monitor's event loop");
    }
    source_add(m, &m->signals, fd, EPOLLIN, signals_ready);
    return monitor_listen(m, err);
}

static int timeout_ms(const struct monitor *m, int64_t until)
{
    int64_t now = clock_ms(), next = until;
    if (m->deadline_ms && (!next || m->deadline_ms < next)) {
        next = m->deadline_ms;
    }
    if (m->health.next_ms && (!next || m->health.next_ms < next)) {
        next = m->health.next_ms;
    }
    if (m->resolver_due_ms && (!next || m->resolver_due_ms < next)) {
        next = m->resolver_due_ms;
    }
    if (monitor_clients_stuck(m) && (!next || now + 1000 < next)) {
        next = now + 1000; /* the impatient ones are looked at once a second */
    }
    if (!next) {
        return -1;
    }
    return next <= now ? 0 : (int)(next - now);
}

/* One round. Nothing here lives across it, so that an idle monitor's stack is this one frame. */
static void round_of(struct monitor *m, int64_t until)
{
    struct epoll_event events[8];
    int n = epoll_wait(m->epoll, events, ARRAY_SIZE(events), timeout_ms(m, until));
    for (int i = 0; i < n; i++) {
        struct source *s = events[i].data.ptr;
        if (s->fd >= 0) { /* else removed by an earlier one of this round */
            s->ready(m, s, events[i].events);
        }
    }
    monitor_clients_sweep(m);
    log_flush(&m->log);
    monitor_health_due(m);
    monitor_resolver_due(m);
    if (m->deadline_ms && clock_ms() >= m->deadline_ms) {
        m->deadline_ms = 0;
        if (m->workload && !m->exited) {
            IGNORE(m->wall->signal(m->workload, SIGKILL, false, NULL) < 0); /* gone already */
        }
    }
}

void monitor_loop(struct monitor *m)
{
    while (!m->exited) {
        round_of(m, 0);
    }
    while (!monitor_output_drain(m)) {
        round_of(m, 0);
    }
}

bool monitor_loop_wait(struct monitor *m, int64_t ms)
{
    int64_t until = clock_ms() + ms;
    while (!m->stop_wanted && clock_ms() < until) {
        round_of(m, until);
    }
    return !m->stop_wanted;
}
