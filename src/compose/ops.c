// SPDX-License-Identifier: Apache-2.0
#include "compose/ops.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "compose/balancer.h"
#include "compose/held.h"
#include "compose/hooks.h"
#include "compose/pull.h"
#include "compose/roll.h"
#include "compose/translate.h"
#include "engine/lifecycle.h"
#include "engine/run.h"
#include "engine/volumes.h"
#include "image/image.h"

/* A monitor hears of its starter's end at once: this is for a loaded machine. */
#define CONFIRM_MS 150

struct operation *operations_add(struct operations *o, const struct operation *like)
{
    struct operation *new = xmalloc(sizeof(*new));
    *new = *like;
    o->items = xrealloc(o->items, (o->count + 1) * sizeof(struct operation *));
    o->items[o->count++] = new;
    return new;
}

void operations_done(struct operations *o)
{
    for (size_t i = 0; i < o->count; i++) {
        free(o->items[i]->name);
        free(o->items[i]->old);
        free(o->items[i]->image);
        free(o->items[i]->image_id);
        free(o->items[i]);
    }
    free(o->items);
    *o = (struct operations){0};
}

static int begin(const struct operation *o, struct translation *t, struct error **err)
{
    struct translate_options options = {
        .engine = o->engine, .number = o->number, .name = o->name, .image_id = o->image_id};
    int r = held_write(o->engine, o->project, o->service, err);
    return r < 0 ? r : translate(o->project, o->service, &options, t, err);
}

static const struct node *service_of(const struct operation *o)
{
    return o->project ? node_at(o->project->model, "services", o->service, NULL) : NULL;
}

static int run_hooks(const struct operation *o, const char *key, const char *container,
                     struct error **err)
{
    return hooks_run(o->engine, o->cloison, node_get(service_of(o), key), container, err);
}

int op_run(const void *operation, struct error **err)
{
    const struct operation *o = operation;
    CLEANUP(translation) struct translation t = {0};
    int r = begin(o, &t, err);
    if (r == 0) {
        r = o->no_start ? engine_create(o->engine, &t.request, err)
                        : engine_run(o->engine, &t.request, err);
    }
    return r < 0 || o->no_start ? r : run_hooks(o, "post_start", o->name, err);
}

static int stop(const struct operation *o, const char *container, struct error **err)
{
    CLEANUP(container) struct container *c = NULL;
    int r = container_load(o->engine, container, &c, err);
    if (r == 0 && container_is_up(c)) {
        r = run_hooks(o, "pre_stop", container, err);
    }
    return r < 0 ? r : engine_stop(o->engine, container, o->timeout_s, o->signal, err);
}

/* "name:destination" of the old one's anonymous volumes: what a database wrote stays. */
static void keep_anonymous(const struct container *old, struct run_request *r)
{
    for (size_t i = 0; i < old->volumes.count; i++) {
        const char *text = old->volumes.items[i];
        CLEANUP(free) char *name = xstrndup(text, strcspn(text, ":"));
        if (!strv_contains(&old->anonymous, name)) {
            continue;
        }
        CLEANUP(strv) struct strv parts = {0};
        strv_split(&parts, text, ':');
        if (parts.count < 2) {
            continue;
        }
        for (size_t k = 0; k < r->volumes.count; k++) {
            if (str_equal(r->volumes.items[k], parts.items[1])) { /* the file's own "/data" */
                free(r->volumes.items[k]);
                r->volumes.items[k] = str_format("%s:%s", name, parts.items[1]);
                name[0] = '\0';
            }
        }
        if (name[0]) {
            strv_addf(&r->volumes, "%s:%s", name, parts.items[1]);
        }
    }
}

/* Started, and where the file asks for it ready and watched. */
static int start_new(const struct operation *o, struct error **err)
{
    CLEANUP(container) struct container *c = NULL;
    struct start_options plain = {0};
    int r = engine_start(o->engine, o->name, &plain, err);
    if (r == 0) {
        r = run_hooks(o, "post_start", o->name, err);
    }
    if (r == 0 && o->watched) {
        r = container_find(o->engine, o->name, &c, err);
    }
    return r < 0 || !o->watched ? r : roll_watch(o, c->id, err);
}

/* The new one goes, the old one has its name again and runs. */
static int put_back(const struct operation *o, struct error **err, struct error **cause, int result)
{
    struct start_options plain = {0};
    struct error *mine = NULL;
    IGNORE(engine_remove(o->engine, o->name, true, true, NULL) < 0); /* the rename tells */
    int r = engine_rename(o->engine, o->old, o->name, &mine);
    if (r == 0) {
        r = engine_start(o->engine, o->old, &plain, &mine);
    }
    error_move(err, cause, result);
    if (r == 0) {
        return error_wrap(err, result, "'%s' is rolled back, the old one serves again", o->name);
    }
    error_print(mine, stderr);
    error_free(mine);
    return result;
}

/* Another one takes its place: it is stopped, and goes when the new one is up. */
static int take_place(const struct operation *o, bool old_was_up, struct error **err)
{
    struct error *mine = NULL;
    int r = stop(o, o->old, err);
    if (r == 0 && !o->no_start) {
        r = start_new(o, &mine);
        if (r < 0 && o->watched && old_was_up) {
            return put_back(o, err, &mine, r);
        }
        r = r < 0 ? error_move(err, &mine, r) : 0;
    }
    return r < 0 || o->keep_old ? r : engine_remove(o->engine, o->old, true, false, err);
}

/* The old one steps aside under another name while the new one is made; should that fail, it gets
 * its name back and nothing has changed. */
int op_recreate(const void *operation, struct error **err)
{
    const struct operation *o = operation;
    CLEANUP(translation) struct translation t = {0};
    CLEANUP(container) struct container *old = NULL;
    CLEANUP(free) char *aside = str_format("%.12s_%s", o->old, o->name);
    struct error *mine = NULL;
    int r = container_load(o->engine, o->old, &old, err);
    if (r == 0) {
        r = begin(o, &t, err);
    }
    if (r < 0) {
        return r;
    }
    if (o->keep_anonymous) {
        keep_anonymous(old, &t.request);
    }
    r = engine_rename(o->engine, o->old, aside, err);
    if (r < 0) {
        return r;
    }
    r = engine_create(o->engine, &t.request, &mine);
    if (r < 0) {
        IGNORE(engine_rename(o->engine, o->old, o->name, NULL) < 0); /* the first error counts */
        return error_move(err, &mine, r);
    }
    return take_place(o, container_is_up(old), err);
}

int op_start(const void *operation, struct error **err)
{
    const struct operation *o = operation;
    struct start_options plain = {0};
    CLEANUP(container) struct container *c = NULL;
    int r = container_load(o->engine, o->old, &c, err);
    if (r < 0 || (container_is_up(c) && c->status != CONTAINER_CREATED)) {
        return r < 0 ? r : 1;
    }
    if (o->project) {
        r = held_write(o->engine, o->project, o->service, err);
    }
    if (r == 0) {
        r = engine_start(o->engine, o->old, &plain, err);
    }
    return r < 0 ? r : run_hooks(o, "post_start", o->old, err);
}

int op_confirm(const void *operation, struct error **err)
{
    const struct operation *o = operation;
    CLEANUP(container) struct container *c = NULL;
    (void)poll(NULL, 0, CONFIRM_MS);
    int r = container_load(o->engine, o->old, &c, err);
    return r < 0 || container_is_up(c) || !c->error ? (r < 0 ? r : 1) : op_start(o, err);
}

int op_stop(const void *operation, struct error **err)
{
    const struct operation *o = operation;
    return stop(o, o->old, err);
}

int op_restart(const void *operation, struct error **err)
{
    const struct operation *o = operation;
    struct start_options plain = {0};
    int r = stop(o, o->old, err);
    if (r == 0) {
        r = engine_start(o->engine, o->old, &plain, err);
    }
    return r < 0 ? r : run_hooks(o, "post_start", o->old, err);
}

int op_kill(const void *operation, struct error **err)
{
    const struct operation *o = operation;
    return engine_kill(o->engine, o->old, o->signal ? o->signal : SIGKILL, err);
}

int op_pause(const void *operation, struct error **err)
{
    const struct operation *o = operation;
    return engine_pause(o->engine, o->old, true, err);
}

int op_unpause(const void *operation, struct error **err)
{
    const struct operation *o = operation;
    return engine_pause(o->engine, o->old, false, err);
}

/* One behind the balancer finishes its requests first: it was taken out before. */
static void drain(const struct operation *o)
{
    CLEANUP(container) struct container *c = NULL;
    const struct node *service = service_of(o);
    if (service && balancer_serves(service) && container_load(o->engine, o->old, &c, NULL) == 0 &&
        container_is_leaving(c)) {
        balancer_drain(o->engine, o->project);
    }
}

int op_remove(const void *operation, struct error **err)
{
    const struct operation *o = operation;
    drain(o);
    int r = stop(o, o->old, err);
    return r < 0 ? r : engine_remove(o->engine, o->old, true, o->volumes, err);
}

int op_drain_and_stop(const void *operation, struct error **err)
{
    const struct operation *o = operation;
    drain(o);
    return stop(o, o->old, err);
}

int op_rm(const void *operation, struct error **err)
{
    const struct operation *o = operation;
    return engine_remove(o->engine, o->old, false, o->volumes, err);
}

int op_await(const void *operation, struct error **err)
{
    const struct operation *o = operation;
    CLEANUP(container) struct container *c = NULL;
    int r = container_find(o->engine, o->name, &c, err);
    return r < 0 ? r : container_await(o->engine, c->id, o->await, o->await_s, err);
}

int op_pull(const void *operation, struct error **err)
{
    const struct operation *o = operation;
    CLEANUP(image) struct image *image = NULL;
    int r = image_ensure(o->engine->data_dir, o->engine->config_path, o->image, o->policy, NULL,
                         true, &image, err);
    if (r >= 0) {
        pull_note(o->engine, o->image);
    }
    return r;
}

/* Debian's package, with what it needs and no more. */
int op_bootstrap(const void *operation, struct error **err)
{
    const struct operation *o = operation;
    CLEANUP(strv) struct strv line = {0};
    strv_add(&line, "bootstrap");
    strv_add(&line, "--quiet");
    strv_add(&line, "--include=caddy");
    strv_add(&line, "--variant=extract");
    strv_add(&line, o->image);
    int r = cloison_spawn(o->engine, o->cloison, &line, err);
    return r > 0 ? error_set(err, ERROR_INTERNAL, 0, "making the load balancer's image '%s' failed",
                             o->image)
                 : r;
}
