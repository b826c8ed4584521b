// SPDX-License-Identifier: Apache-2.0
/* `start`: a container of the store gets a monitor again. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/signals.h"
#include "engine/control.h"
#include "engine/lifecycle.h"
#include "engine/namespaces.h"
#include "engine/recover.h"
#include "engine/session.h"
#include "engine/spawn.h"
#include "engine/volumes.h"

/* Under the lock: whatever a killed monitor left is cleaned up, and what the start needs is there.
 * 1 when it runs already. */
static int make_ready(const struct engine *e, struct container *c, struct error **err)
{
    bool gone = false;
    int r = 0;
    if (container_is_up(c)) {
        return 1;
    }
    if (c->status == CONTAINER_DEAD) {
        r = container_recover_locked(e, c, &gone, err);
        if (r == 0 && gone) {
            return error_set(err, ERROR_NOT_FOUND, 0, "no such container: %s", c->name);
        }
    }
    if (r == 0) {
        r = volumes_create(e, c, err);
    }
    if (r == 0) {
        r = namespaces_refresh(e, c, err);
    }
    if (r == 0 && c->user_stopped) {
        c->user_stopped = false;
        r = container_save(e, c, err);
    }
    return r;
}

static int start(const struct engine *e, struct container *c, int lock_take,
                 const struct frame_attach *streams, struct monitor_handle *m, struct error **err)
{
    int r = monitor_prepare(e, c, false, lock_take, m, err);
    if (r == 0) {
        r = monitor_spawn(e, c, 0, streams, m, err);
    }
    if (r == 0) {
        r = monitor_await(m, NULL, NULL, err);
    }
    return r;
}

int engine_start(const struct engine *e, const char *name, const struct start_options *options,
                 struct error **err)
{
    CLEANUP(container) struct container *c = NULL, *found = NULL;
    CLEANUP(monitor_handle) struct monitor_handle m = MONITOR_HANDLE_NONE;
    int r = container_find(e, name, &found, err);
    if (r < 0) {
        return r;
    }
    CLEANUP(fd) int lock = container_hold(e, found->id, &c, err);
    if (lock < 0) {
        return lock;
    }
    r = make_ready(e, c, err);
    if (r == 1 && options->attach) {
        lock = fd_close(lock);
        struct attach_options a = {.no_stdin = !options->interactive,
                                   .sig_proxy = true,
                                   .detach_keys = options->detach_keys};
        return engine_attach(e, c->id, &a, err);
    }
    if (r != 0) {
        return r < 0 ? r : 0;
    }
    struct frame_attach streams = {options->interactive && c->open_stdin, true, true};
    sigset_t held, mask;
    signals_hold(&held, &mask);
    r = start(e, c, take_fd(&lock), options->attach ? &streams : NULL, &m, err);
    if (r < 0 || !options->attach) {
        (void)sigprocmask(SIG_SETMASK, &mask, NULL);
        return r;
    }
    struct session_options s = {
        .in = streams.in, .sig_proxy = true, .detach_keys = options->detach_keys, .mask = &mask};
    return session_run(e, c, m.sock, &s, err);
}
