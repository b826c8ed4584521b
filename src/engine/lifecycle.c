// SPDX-License-Identifier: Apache-2.0
#include "engine/lifecycle.h"
#include "net/net.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/signals.h"
#include "engine/control.h"
#include "engine/events.h"
#include "engine/recover.h"
#include "engine/session.h"

#define KILL_PATIENCE_MS 60000 /* a process in the kernel's hands (disk sleep) dies late */

static int not_running(const struct container *c, struct error **err)
{
    return error_set(err, ERROR_BUSY, 0, "container %s is not running", c->name);
}

static int must_run(const struct container *c, struct error **err)
{
    return container_is_up(c) ? 0 : not_running(c, err);
}

/* For unless-stopped and always: whoever starts containers at boot looks at it. */
static int note_stopped(const struct engine *e, const struct container *c, bool stopped,
                        struct error **err)
{
    if (str_equal(c->restart_policy, "no") || c->remove || c->user_stopped == stopped) {
        return 0;
    }
    CLEANUP(container) struct container *now = NULL;
    CLEANUP(fd) int lock = container_hold(e, c->id, &now, err);
    if (lock < 0) {
        return lock;
    }
    now->user_stopped = stopped;
    return container_save(e, now, err);
}

/* Sends the signal, then SIGKILL when the time is over, and returns when all is cleaned up. */
static int stop_running(const struct engine *e, const struct container *c, int timeout_s,
                        int signal, struct error **err)
{
    CLEANUP(fd) int sock = control_connect(e, c, err);
    struct frame_signal s = {signal};
    struct frame_exit x;
    if (sock < 0) {
        return sock;
    }
    /* An answer that it does not run means that it is just ending: its end is waited for, too. */
    int r = control_ask(c, sock, FRAME_STOP, &s, sizeof(s), NULL);
    if (r == 0 && c->status == CONTAINER_PAUSED) { /* frozen, it cannot even die on v1 */
        r = control_ask(c, sock, FRAME_RESUME, NULL, 0, NULL);
    }
    r = control_await_exit(e, c, sock, true, timeout_s < 0 ? -1 : timeout_s * 1000, &x, err);
    if (r != 0) {
        return r < 0 ? r : 0;
    }
    s.signal = SIGKILL;
    IGNORE(control_ask(c, sock, FRAME_STOP, &s, sizeof(s), NULL) < 0); /* likewise */
    r = control_await_exit(e, c, sock, true, KILL_PATIENCE_MS, &x, err);
    if (r == 0) {
        return error_set(err, ERROR_BUSY, ETIMEDOUT, "'%s' does not die, even of SIGKILL", c->name);
    }
    return r < 0 ? r : 0;
}

/* Between our look and our asking it may have ended by itself: that is what was wanted. */
static int stop_tolerant(const struct engine *e, const struct container *c, int timeout_s,
                         int signal, struct error **err)
{
    CLEANUP(error) struct error *mine = NULL;
    CLEANUP(container) struct container *now = NULL;
    int r = stop_running(e, c, timeout_s, signal, &mine);
    if (r == 0) {
        return 0;
    }
    if (container_load(e, c->id, &now, NULL) < 0 || !container_is_up(now)) {
        return 0;
    }
    return error_move(err, &mine, r);
}

int engine_stop(const struct engine *e, const char *name, int timeout_s, int signal,
                struct error **err)
{
    CLEANUP(container) struct container *c = NULL;
    int r = container_find_recovered(e, name, &c, err);
    if (r < 0 || !container_is_up(c)) {
        return r;
    }
    if (signal == 0) {
        r = signal_parse(str_or(c->stop_signal, "SIGTERM"), &signal, err);
    }
    if (r == 0) {
        r = note_stopped(e, c, true, err);
    }
    if (r < 0) {
        return r;
    }
    r = stop_tolerant(e, c, timeout_s == STOP_TIMEOUT_OWN ? c->stop_timeout : timeout_s, signal,
                      err);
    if (r == 0) {
        event_write(e, c, "stop", NULL);
    }
    return r;
}

int engine_kill(const struct engine *e, const char *name, int signal, struct error **err)
{
    CLEANUP(container) struct container *c = NULL;
    struct frame_signal s = {signal};
    int own = 0;
    int r = container_find_recovered(e, name, &c, err);
    if (r == 0) {
        r = must_run(c, err);
    }
    if (r < 0) {
        return r;
    }
    bool stops =
        signal == SIGKILL || (signal_parse(c->stop_signal, &own, NULL) == 0 && own == signal);
    CLEANUP(fd) int sock = control_connect(e, c, err);
    if (sock < 0) {
        return sock;
    }
    r = stops ? note_stopped(e, c, true, err) : 0;
    if (r == 0) {
        r = control_ask(c, sock, stops ? FRAME_STOP : FRAME_SIGNAL, &s, sizeof(s), err);
    }
    if (r == 0 && c->status == CONTAINER_PAUSED && signal == SIGKILL) {
        IGNORE(control_ask(c, sock, FRAME_RESUME, NULL, 0, NULL) <
               0); /* on v2 it is dead already */
    }
    return r;
}

int engine_restart(const struct engine *e, const char *name, int timeout_s, int signal,
                   struct error **err)
{
    CLEANUP(container) struct container *c = NULL;
    int r = engine_stop(e, name, timeout_s, signal, err);
    if (r == 0) {
        r = engine_start(e, name, &(struct start_options){0}, err);
    }
    if (r == 0 && container_find(e, name, &c, NULL) == 0) {
        event_write(e, c, "restart", NULL);
    }
    return r;
}

int engine_remove(const struct engine *e, const char *name, bool force, bool volumes,
                  struct error **err)
{
    CLEANUP(container) struct container *c = NULL, *now = NULL;
    int r = container_find_recovered(e, name, &c, err);
    if (r == 0 && container_is_up(c) && force) {
        r = stop_tolerant(e, c, 0, SIGKILL, err);
    }
    if (r < 0) {
        return r;
    }
    int lock = container_lock(e, c->id, true, NULL);
    CLEANUP(fd) int held = lock < 0 ? -1 : lock;
    if (lock < 0 || container_load(e, c->id, &now, NULL) < 0) {
        return 0; /* --rm or another rm was faster */
    }
    if (now->status == CONTAINER_DEAD) {
        bool gone = false;
        r = container_recover_locked(e, now, &gone, err);
        if (r < 0 || gone) {
            return r;
        }
    } else if (container_is_up(now)) {
        r = error_set(err, ERROR_BUSY, 0, "cannot remove '%s': it is %s", now->name,
                      container_status_name(now->status));
        return error_hint(err, r, "stop it first, or use --force");
    }
    return container_dispose(e, now, volumes, err);
}

int engine_pause(const struct engine *e, const char *name, bool paused, struct error **err)
{
    CLEANUP(container) struct container *c = NULL;
    int r = container_find_recovered(e, name, &c, err);
    if (r == 0) {
        r = must_run(c, err);
    }
    return r < 0 ? r : control_request(e, c, paused ? FRAME_PAUSE : FRAME_RESUME, NULL, 0, err);
}

int engine_rename(const struct engine *e, const char *name, const char *to, struct error **err)
{
    CLEANUP(container) struct container *c = NULL, *now = NULL;
    int r = container_find(e, name, &c, err);
    if (r < 0) {
        return r;
    }
    CLEANUP(fd) int lock = container_hold(e, c->id, &now, err);
    if (lock < 0) {
        return lock;
    }
    if (str_equal(now->name, to)) {
        return error_set(err, ERROR_EXISTS, 0, "'%s' has that name already", to);
    }
    CLEANUP(free) char *old = xstrdup(now->name);
    r = container_rename(e, now, to, err);
    if (r == 0 && now->network) {
        struct net_request q = {
            .place = {e->run_dir, e->data_dir, e->config_path}, .id = now->id, .name = to};
        r = net_set_name(&q, err);
    }
    if (r == 0) {
        event_write(e, now, "rename", json_pack("{s:s}", "oldName", old));
    }
    return r;
}

int engine_wait(const struct engine *e, const char *name, int *ret_code, struct error **err)
{
    CLEANUP(container) struct container *c = NULL;
    int r = container_find_recovered(e, name, &c, err);
    if (r < 0) {
        return r;
    }
    *ret_code = c->exit_code;
    CLEANUP(fd) int sock = container_is_up(c) ? control_connect(e, c, NULL) : -1;
    if (sock < 0) { /* not running, or it has just ended */
        CLEANUP(container) struct container *now = NULL;
        if (container_is_up(c) && container_load(e, c->id, &now, NULL) == 0) {
            *ret_code = now->exit_code;
        }
        return 0;
    }
    struct frame_exit x;
    r = control_await_exit(e, c, sock, false, -1, &x, err);
    if (r > 0) {
        *ret_code = x.code;
    }
    return r < 0 ? r : 0;
}

int engine_attach(const struct engine *e, const char *name, const struct attach_options *options,
                  struct error **err)
{
    CLEANUP(container) struct container *c = NULL;
    int r = container_find_recovered(e, name, &c, err);
    if (r == 0 && !container_is_up(c)) {
        r = error_set(err, ERROR_BUSY, 0, "cannot attach to '%s': it is not running", c->name);
        r = error_hint(err, r, "start it with 'cloison start -a %s'", c->name);
    } else if (r == 0 && c->status == CONTAINER_PAUSED) {
        r = error_set(err, ERROR_BUSY, 0, "cannot attach to '%s': it is paused", c->name);
    }
    if (r < 0) {
        return r;
    }
    CLEANUP(fd) int sock = control_connect(e, c, err);
    if (sock < 0) {
        return sock;
    }
    bool in = !options->no_stdin && c->open_stdin;
    if (c->tty && in && !isatty(STDIN_FILENO)) {
        return error_set(err, ERROR_USAGE, 0,
                         "the input is not a terminal but that of '%s' is: use --no-stdin",
                         c->name);
    }
    struct frame_attach what = {in, true, true};
    r = frame_send(sock, FRAME_ATTACH, &what, sizeof(what));
    if (r < 0) {
        return not_running(c, err);
    }
    struct session_options s = {
        .in = in, .sig_proxy = options->sig_proxy, .detach_keys = options->detach_keys};
    return session_run(e, c, sock, &s, err);
}
