// SPDX-License-Identifier: Apache-2.0
#include "compose/watch.h"

#include <poll.h>
#include <sys/inotify.h>

#include "base/clock.h"
#include "engine/recover.h"

/* For what the folder does not tell: a monitor that was killed. */
#define LOOK_AGAIN_MS 1000

static int judge_health(const struct container *c, bool needed, struct error **err)
{
    if (!c->health) {
        bool checked = c->healthcheck != NULL;
        return needed && !checked
                   ? error_set(err, ERROR_BUSY, 0, "container '%s' has no health check to wait for",
                               c->name)
                   : !checked;
    }
    if (str_equal(c->health, "unhealthy")) {
        return error_set(err, ERROR_BUSY, 0, "container '%s' is unhealthy", c->name);
    }
    return str_equal(c->health, "healthy");
}

/* 1: it has come to it; 0: not yet. */
static int judge(const struct container *c, enum await what, struct error **err)
{
    bool ended = c->status == CONTAINER_EXITED || c->status == CONTAINER_DEAD;
    if (what == AWAIT_COMPLETED) {
        if (ended && c->exit_code != 0) {
            return error_set(err, ERROR_BUSY, 0, "container '%s' did not complete: exit code %d",
                             c->name, c->exit_code);
        }
        return ended;
    }
    if (ended) {
        return error_set(err, ERROR_BUSY, 0, "container '%s' ended with exit code %d", c->name,
                         c->exit_code);
    }
    return c->status == CONTAINER_RUNNING ? judge_health(c, what == AWAIT_HEALTHY, err) : 0;
}

void container_settle(const struct engine *e, const char *id)
{
    CLEANUP(free) char *folder = container_run_path(e, id, NULL);
    int64_t end = clock_ms() + SETTLE_S * 1000;
    while (clock_ms() < end) {
        CLEANUP(container) struct container *c = NULL;
        bool gone = false;
        CLEANUP(fd) int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        (void)inotify_add_watch(watch, folder, IN_MOVED_TO | IN_DELETE | IN_DELETE_SELF);
        if (container_load(e, id, &c, NULL) < 0 || !c->fresh) {
            return;
        }
        if (c->status == CONTAINER_DEAD) {
            IGNORE(container_recover(e, c, &gone, NULL) < 0); /* the next look tells */
            continue;
        }
        struct pollfd p = {.fd = watch, .events = POLLIN};
        (void)poll(&p, 1, LOOK_AGAIN_MS / 10);
    }
}

/* Before a look, so that no change between it and the waiting is missed. */
static void begin_look(int watch, const char *folder)
{
    char drain[4096];
    (void)inotify_add_watch(watch, folder, IN_MOVED_TO | IN_DELETE | IN_DELETE_SELF);
    while (read(watch, drain, sizeof(drain)) > 0) {
    }
}

static void await_change(int watch, int64_t left_ms)
{
    struct pollfd p = {.fd = watch, .events = POLLIN};
    (void)poll(&p, 1, left_ms < LOOK_AGAIN_MS ? (int)left_ms : LOOK_AGAIN_MS);
}

int container_observe(const struct engine *e, const char *id, int64_t ms, struct error **err)
{
    CLEANUP(free) char *folder = container_run_path(e, id, NULL);
    CLEANUP(fd) int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    int64_t end = clock_ms() + ms;
    int restarts = -1;
    for (;;) {
        CLEANUP(container) struct container *c = NULL;
        begin_look(watch, folder);
        int r = container_load(e, id, &c, err);
        if (r < 0) {
            return r;
        }
        restarts = restarts < 0 ? c->restart_count : restarts;
        if (!container_is_up(c) || c->restart_count != restarts) {
            return error_set(err, ERROR_BUSY, 0,
                             "container '%s' ended with exit code %d while it was watched", c->name,
                             c->exit_code);
        }
        if (str_equal(c->health, "unhealthy")) {
            return error_set(err, ERROR_BUSY, 0, "container '%s' is unhealthy", c->name);
        }
        if (clock_ms() >= end) {
            return 0;
        }
        await_change(watch, end - clock_ms());
    }
}

int container_await(const struct engine *e, const char *id, enum await what, int timeout_s,
                    struct error **err)
{
    CLEANUP(free) char *folder = container_run_path(e, id, NULL);
    CLEANUP(fd) int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    int64_t end = timeout_s > 0 ? clock_ms() + (int64_t)timeout_s * 1000 : INT64_MAX;
    for (;;) {
        CLEANUP(container) struct container *c = NULL;
        begin_look(watch, folder);
        int r = container_load(e, id, &c, err);
        r = r < 0 ? r : judge(c, what, err);
        if (r != 0) {
            return r < 0 ? r : 0;
        }
        int64_t left = end - clock_ms();
        if (left <= 0) {
            return error_set(err, ERROR_BUSY, ETIMEDOUT,
                             "container '%s' is not %s after %d seconds", c->name,
                             what == AWAIT_COMPLETED ? "complete" : "ready", timeout_s);
        }
        await_change(watch, left);
    }
}
