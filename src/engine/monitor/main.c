// SPDX-License-Identifier: Apache-2.0
/* The program cloison-monitor: monitor.h tells its story. Started by engine/spawn.c alone. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "engine/monitor/monitor.h"
#include "engine/recover.h"
#include "engine/spawn.h"

static int arguments_parse(int argc, char **argv, struct monitor *m, const char **ret_id,
                           struct error **err)
{
    uint64_t flags = 0;
    if (argc != 6 || str_to_u64(argv[5], 10, &flags) < 0) {
        return error_set(err, ERROR_USAGE, 0, "this program is started by '%s', not by hand",
                         "cloison run");
    }
    m->engine = (struct engine){argv[1], argv[2], argv[3]};
    *ret_id = argv[4];
    m->flags = (unsigned)flags;
    return 0;
}

static void monitor_init(struct monitor *m)
{
    m->lock = MONITOR_FD_LOCK;
    m->object = MONITOR_FD_OBJECT;
    m->creator = MONITOR_FD_CLIENT;
    m->epoll = m->signals.fd = m->listener.fd = m->input.fd = -1;
    m->out.source.fd = m->err.source.fd = m->log.fd = -1;
    for (size_t i = 0; i < RESOLVER_FOLDERS; i++) {
        m->resolver_fds[i] = -1;
    }
    for (int fd = MONITOR_FD_CLIENT; fd <= MONITOR_FD_OBJECT; fd++) {
        (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    }
    (void)signal(SIGPIPE, SIG_IGN);
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    (void)prctl(PR_SET_NAME, "cloison-monitor", 0, 0, 0);
}

/* Hands the container to whoever asked for it: from here on it is theirs. Fails when they are gone.
 */
static int hand_over(struct monitor *m, struct error **err)
{
    int r = 0;
    if (frame_send(m->creator, FRAME_STARTED, NULL, 0) < 0) {
        return error_set(err, ERROR_BUSY, EPIPE, "the starting command was killed");
    }
    struct frame f;
    struct frame_attach what;
    if ((m->flags & MONITOR_FOREGROUND) && (r = frame_receive(m->creator, &f)) > 0 &&
        f.type == FRAME_ATTACH && f.len == sizeof(what)) {
        memcpy(&what, f.data, sizeof(what));
        struct client *c = monitor_client_add(m, m->creator);
        c->patient = true;
        monitor_client_attach(c, &what);
    } else {
        fd_close(m->creator);
    }
    m->creator = -1;
    m->object = fd_close(m->object);
    return 0;
}

/* Whether the starting command still listens: asked right before the workload's program runs. */
static int first_launch(struct monitor *m, struct error **err)
{
    int r = monitor_launch(m, err);
    if (r == 0) {
        r = hand_over(m, err);
        if (r < 0) {
            monitor_dismantle(m);
            monitor_network_detach(m);
        }
    }
    return r;
}

/* The container's last minute: what is volatile goes, --rm takes the rest. */
static void finish(struct monitor *m)
{
    CLEANUP(container) struct container *c = NULL;
    if (m->container->remove || (m->container->fresh && !m->started)) {
        CLEANUP(fd)
        int lock = m->object >= 0 ? -1 : container_lock(&m->engine, m->container->id, true, NULL);
        if ((lock >= 0 || m->object >= 0) &&
            container_load(&m->engine, m->container->id, &c, NULL) == 0) {
            IGNORE(container_dispose(&m->engine, c, true, NULL) < 0); /* the next sweep finishes */
        }
    }
    /* What is left is a dead monitor's. */
    IGNORE(container_clear_run(&m->engine, m->container->id, NULL) < 0);
}

static void stay(struct monitor *m)
{
    for (;;) {
        monitor_quiet(m);
        monitor_loop(m);
        monitor_dismantle(m);
        bool again = monitor_should_restart(m);
        if (again) {
            CLEANUP(error) struct error *e = NULL;
            monitor_clients_exit(m, false);
            IGNORE(monitor_record_state(m, CONTAINER_RESTARTING, NULL) < 0); /* a full tmpfs */
            again = monitor_loop_wait(m, monitor_backoff_ms(m));
            m->restart_count += again;
            if (again && monitor_launch(m, &e) == 0) {
                continue;
            }
            m->failure = e ? error_text(e) : NULL;
            m->exit_status = e ? error_exit_status(e) << 8 : m->exit_status;
        }
        break;
    }
    monitor_network_detach(m);
    monitor_record_exit(m);
}

int main(int argc, char **argv)
{
    static struct monitor monitor;
    struct monitor *m = &monitor;
    CLEANUP(error) struct error *err = NULL;
    const char *id = NULL;
    error_set_program("cloison-monitor");
    if (arguments_parse(argc, argv, m, &id, &err) < 0) {
        error_print(err, stderr);
        return 125;
    }
    monitor_init(m);
    int r = container_load(&m->engine, id, &m->container, &err);
    if (r == 0) {
        r = monitor_loop_open(m, &err);
    }
    if (r == 0) {
        r = first_launch(m, &err);
    }
    if (r == 0) {
        stay(m);
    } else if (m->container) {
        m->failure = error_text(err);
        m->exit_status = error_exit_status(err) << 8;
        if (!m->container->fresh) {
            monitor_record_exit(m);
        }
    }
    if (m->container) {
        finish(m);
    }
    if (r < 0 && m->creator >= 0) {
        IGNORE(frame_send_error(m->creator, err) < 0); /* nobody is left to hear it */
    }
    monitor_clients_exit(m, true);
    monitor_clients_close(m);
    return 0;
}
