// SPDX-License-Identifier: Apache-2.0
#include "engine/run.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/signals.h"
#include "engine/draft.h"
#include "engine/events.h"
#include "engine/names.h"
#include "engine/recover.h"
#include "engine/session.h"
#include "engine/spawn.h"
#include "engine/timing.h"
#include "engine/volumes.h"
#include "engine/writable.h"
#include "wall/wall.h"

#define NAME_TRIES 100

static int check_root(struct error **err)
{
    if (geteuid() == 0) {
        return 0;
    }
    int r = error_set(err, ERROR_DENIED, 0, "containers can be run by root alone so far");
    return error_hint(err, r, "run it with sudo; rootless containers are not there yet");
}

/* A generated name that is taken gives way to another. Returns the container's lock. */
static int reserve(const struct engine *e, const struct draft *d, struct error **err)
{
    struct container *c = d->container;
    for (int tries = 1;; tries++) {
        CLEANUP(error) struct error *mine = NULL;
        int r = container_reserve(e, c, &mine);
        if (r >= 0 || mine->kind != ERROR_EXISTS || d->request->name || tries > NAME_TRIES) {
            return r < 0 ? error_move(err, &mine, r) : r;
        }
        free(c->name);
        c->name = name_generate(tries);
    }
}

static int write_cidfile(const struct run_request *r, const struct container *c, struct error **err)
{
    if (!r->cidfile) {
        return 0;
    }
    int fd = open(r->cidfile, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0) {
        return error_set_errno(err, errno == EEXIST ? ERROR_EXISTS : ERROR_KERNEL, errno,
                               "making the container ID file '%s'", r->cidfile);
    }
    int written = write_all(fd, c->id, strlen(c->id));
    fd_close(fd);
    return written < 0 ? error_set_errno(err, ERROR_KERNEL, -written, "writing '%s'", r->cidfile)
                       : 0;
}

/* What container.json, which makes it real, stands on. */
static int fill_folder(const struct engine *e, const struct draft *d, struct error **err)
{
    CLEANUP(free) char *path = container_data_path(e, d->container->id, "config.json");
    CLEANUP(free) char *text = spec_to_text(d->spec, false);
    const struct wall_ops *wall = NULL;
    int r = wall_find(d->container->wall, &wall, err);
    r = r < 0 ? r : writable_make(e, d->container, wall->files != NULL, err);
    if (r == 0) {
        r = file_write_atomic(AT_FDCWD, path, text, strlen(text), 0600, FILE_NO_SYNC, err);
    }
    return r;
}

static void undo(const struct engine *e, const struct draft *d, const struct error *why)
{
    IGNORE(container_dispose(e, d->container, true, NULL) < 0); /* the next sweep finishes */
    bool cidfile_ours = d->request->cidfile && (!why || why->kind != ERROR_EXISTS);
    if (cidfile_ours) {
        (void)unlink(d->request->cidfile);
    }
}

/* `held`: signals that, once come, end a `create` with nothing made; m NULL. */
static int store(const struct engine *e, struct draft *d, struct monitor_handle *m,
                 const sigset_t *held, struct error **err)
{
    CLEANUP(error) struct error *mine = NULL;
    int lock = reserve(e, d, err);
    if (lock < 0) {
        return lock;
    }
    int r = fill_folder(e, d, &mine);
    if (r == 0 && m) {
        r = monitor_prepare(e, d->container, true, take_fd(&lock), m, &mine);
    }
    if (r == 0) {
        r = container_save(e, d->container, &mine);
    }
    if (r == 0) { /* known to container.json: whoever cleans up behind a kill knows of them */
        r = volumes_create(e, d->container, &mine);
    }
    if (r == 0) {
        r = write_cidfile(d->request, d->container, &mine);
    }
    if (r == 0 && !m && signals_are_pending(held)) {
        r = error_set(&mine, ERROR_BUSY, EINTR, "interrupted");
    }
    if (r < 0) {
        undo(e, d, mine);
    }
    fd_close(lock);
    return r < 0 ? error_move(err, &mine, r) : 0;
}

/* A failed start is undone by the monitor; what a monitor that could not even be executed, or was
 * killed, leaves is ours. */
static int start(const struct engine *e, struct draft *d, struct monitor_handle *m,
                 struct start_timing *timing, struct error **err)
{
    bool gone = false;
    struct frame_attach streams = session_streams(d->request);
    int r = monitor_spawn(e, d->container, timing->wanted ? MONITOR_TIMING : 0,
                          d->request->detach ? NULL : &streams, m, err);
    if (r < 0) {
        undo(e, d, NULL);
        return r;
    }
    r = monitor_await(m, timing_phase, timing, err);
    if (r < 0) {
        monitor_handle_done(m);
        IGNORE(container_recover(e, d->container, &gone, NULL) < 0); /* mostly gone already */
        if (d->request->cidfile) {
            (void)unlink(d->request->cidfile);
        }
    }
    return r;
}

/* At once: a signal that was held back may end us next. */
static void print_id(const struct container *c)
{
    printf("%s\n", c->id);
    (void)fflush(stdout); /* main() tells of a failure */
}

int engine_run(const struct engine *e, struct run_request *request, struct error **err)
{
    CLEANUP(draft) struct draft d = {.request = request};
    CLEANUP(monitor_handle) struct monitor_handle m = MONITOR_HANDLE_NONE;
    struct start_timing timing = {.wanted = request->timing};
    sigset_t held, mask;
    timing_begin(&timing);
    int r = check_root(err);
    if (r == 0) {
        r = session_check(request, err);
    }
    if (r == 0) {
        r = draft_image(e, &d, false, err);
        timing_mark(&timing, "resolve");
    }
    if (r == 0) {
        r = draft_spec(e, &d, false, err);
        timing_mark(&timing, "spec");
    }
    if (r != 0) {
        return r;
    }
    signals_hold(&held, &mask);
    r = store(e, &d, &m, &held, err);
    timing_mark(&timing, "store");
    if (r == 0) {
        event_write(e, d.container, "create", NULL);
        r = start(e, &d, &m, &timing, err);
    }
    if (r == 0) {
        timing_print(&timing, stderr);
    }
    if (r == 0 && !request->detach) {
        struct session_options s = {.request = request, .mask = &mask};
        return session_run(e, d.container, m.sock, &s, err);
    }
    if (r == 0) {
        print_id(d.container);
    }
    (void)sigprocmask(SIG_SETMASK, &mask, NULL); /* a signal that came ends us here */
    return r < 0 ? r : 0;
}

/* Planning changes nothing and tells early what this host or the wall cannot do. */
static int check_plan(const struct engine *e, const struct draft *d, struct error **err)
{
    struct plan *plan = NULL;
    const struct wall_ops *wall = NULL;
    int r = draft_plan(e, d, &wall, &plan, err);
    if (r >= 0) {
        wall->plan_free(plan);
    }
    return r < 0 ? r : 0;
}

int engine_create(const struct engine *e, struct run_request *request, struct error **err)
{
    CLEANUP(draft) struct draft d = {.request = request};
    sigset_t held, mask;
    int r = check_root(err);
    if (r == 0) {
        r = draft_image(e, &d, false, err);
    }
    if (r == 0) {
        r = draft_spec(e, &d, false, err);
    }
    if (r == 0) {
        r = check_plan(e, &d, err);
    }
    if (r != 0) {
        return r;
    }
    signals_hold(&held, &mask);
    r = store(e, &d, NULL, &held, err);
    if (r == 0) {
        event_write(e, d.container, "create", NULL);
        print_id(d.container);
    }
    (void)sigprocmask(SIG_SETMASK, &mask, NULL); /* a signal that came ends us here */
    return r;
}

static int explain_plan(const struct engine *e, const struct draft *d, bool json,
                        struct strbuf *out, struct error **err)
{
    struct plan *plan = NULL;
    const struct wall_ops *wall = NULL;
    int r = draft_plan(e, d, &wall, &plan, err);
    if (r >= 0) {
        r = wall->describe(plan, json ? WALL_JSON : WALL_TEXT, out, err);
        wall->plan_free(plan);
    }
    return r < 0 ? r : 0;
}

static void print_json(json_t *value_take, struct strbuf *out)
{
    CLEANUP(json) json_t *value = value_take;
    CLEANUP(free) char *text = json_dumps(value, JSON_INDENT(4));
    strbuf_adds(out, str_or(text, "null"));
    strbuf_addc(out, '\n');
}

int engine_explain(const struct engine *e, struct run_request *request, enum explain_stage stage,
                   bool json, struct strbuf *out, struct error **err)
{
    CLEANUP(draft) struct draft d = {.request = request};
    if (stage == EXPLAIN_REQUEST) {
        int r = request_complete(e, request, err);
        if (r == 0) {
            print_json(run_request_to_json(request), out);
        }
        return r;
    }
    int r = draft_image(e, &d, true, err);
    if (r == 0) {
        r = draft_spec(e, &d, true, err);
    }
    if (r < 0 || stage == EXPLAIN_PLAN) {
        return r < 0 ? r : explain_plan(e, &d, json, out, err);
    }
    CLEANUP(free) char *text = spec_to_text(d.spec, true);
    strbuf_addf(out, "%s\n", text);
    return 0;
}
