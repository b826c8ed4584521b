// SPDX-License-Identifier: Apache-2.0
#include "compose/roll.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/file.h"
#include "base/options.h"
#include "compose/balancer.h"
#include "compose/held.h"
#include "compose/hooks.h"
#include "compose/translate.h"
#include "engine/lifecycle.h"
#include "engine/run.h"

#define READY_S 60 /* without a health check, which ends by itself */
#define PORT_LOOK_MS 20

static const struct node *settings_of(const struct node *service, bool back)
{
    return node_at(service, "deploy", back ? "rollback_config" : "update_config", NULL);
}

bool service_rolls(const struct node *service)
{
    const char *order = node_text(settings_of(service, false), "order");
    const struct node *ports = node_get(service, "ports");
    const struct node *networks = node_get(service, "networks");
    for (size_t i = 0; ports && i < ports->count; i++) {
        if (node_text(ports->items[i], "published")) {
            return false; /* the host's port is the old one's */
        }
    }
    for (size_t i = 0; networks && i < networks->count; i++) {
        if (node_text(networks->entries[i].value, "ipv4_address")) {
            return false;
        }
    }
    return order ? str_equal(order, "start-first") : balancer_serves(service);
}

bool service_is_watched(const struct node *service)
{
    const struct node *settings = settings_of(service, false);
    return node_text(settings, "failure_action") || node_text(settings, "monitor");
}

int roll_parallelism(const struct node *service, bool back)
{
    const struct node *settings = settings_of(service, back);
    return settings ? (int)node_int(settings, "parallelism", 1) : back || balancer_serves(service);
}

enum roll_failure roll_failure(const struct node *service, bool back)
{
    const char *text = str_or(node_text(settings_of(service, back), "failure_action"), "pause");
    return str_equal(text, "rollback")   ? ROLL_BACK
           : str_equal(text, "continue") ? ROLL_CONTINUES
                                         : ROLL_PAUSES;
}

bool container_is_leaving(const struct container *c)
{
    CLEANUP(free) char *prefix = str_format("%.12s_", c->id);
    return str_starts(c->name, prefix);
}

int container_let_leave(const struct engine *e, const struct container *c, struct error **err)
{
    CLEANUP(free) char *name = str_format("%.12s_%s", c->id, c->name);
    return container_is_leaving(c) ? 0 : engine_rename(e, c->id, name, err);
}

static int64_t ms_of(const struct node *settings, const char *key)
{
    int64_t ms = 0;
    const char *text = node_text(settings, key);
    return text && option_parse_duration_ms(text, &ms) == 0 ? ms : 0;
}

static const struct node *service_of(const struct operation *o)
{
    return node_at(o->project->model, "services", o->service, NULL);
}

/* Whether somebody accepts connections at "10.0.0.2:80". */
static bool accepts(const char *address)
{
    CLEANUP(fd) int sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in to = {.sin_family = AF_INET};
    CLEANUP(free) char *host = xstrndup(address, strcspn(address, ":"));
    int64_t port = 0;
    if (sock < 0 || str_to_i64(strchr(address, ':') + 1, 10, &port) < 0 ||
        inet_pton(AF_INET, host, &to.sin_addr) != 1) {
        return false;
    }
    to.sin_port = htons((uint16_t)port);
    return connect(sock, (const struct sockaddr *)&to, sizeof(to)) == 0;
}

/* One that the balancer is to send requests to must take them: there is no event for that. */
static int await_port(const struct operation *o, const char *id, struct error **err)
{
    const struct node *service = service_of(o);
    if (!balancer_serves(service)) {
        return 0;
    }
    for (int looks = READY_S * 1000 / PORT_LOOK_MS; looks > 0; looks--) {
        CLEANUP(container) struct container *c = NULL;
        int r = container_load(o->engine, id, &c, err);
        if (r < 0) {
            return r;
        }
        CLEANUP(free) char *address = balancer_address(o->project, c, service);
        if (!container_is_up(c)) {
            return error_set(err, ERROR_BUSY, 0, "container '%s' ended with exit code %d", c->name,
                             c->exit_code);
        }
        if (address && accepts(address)) {
            return 0;
        }
        (void)poll(NULL, 0, PORT_LOOK_MS);
    }
    return error_set(err, ERROR_BUSY, ETIMEDOUT, "nobody listens on port %d of the new container",
                     balancer_target_port(service));
}

static int await_ready(const struct operation *o, const char *id, struct error **err)
{
    CLEANUP(container) struct container *c = NULL;
    int r = container_load(o->engine, id, &c, err);
    if (r == 0) {
        r = container_await(o->engine, id, AWAIT_RUNNING, c->healthcheck ? 0 : READY_S, err);
    }
    return r < 0 ? r : await_port(o, id, err);
}

static int observe(const struct operation *o, const char *id, bool back, struct error **err)
{
    int64_t ms = ms_of(settings_of(service_of(o), back), "monitor");
    return ms > 0 ? container_observe(o->engine, id, ms, err) : 0;
}

int roll_watch(const struct operation *o, const char *id, struct error **err)
{
    int r = await_ready(o, id, err);
    return r < 0 ? r : observe(o, id, false, err);
}

/* What the file asks for: time. */
static void delay(const struct operation *o, bool back)
{
    int64_t ms = ms_of(settings_of(service_of(o), back), "delay");
    if (ms > 0) {
        (void)poll(NULL, 0, (int)ms);
    }
}

/* The new one, ready; *ret_id is its ID. */
static int bring_new(const struct operation *o, const char *name, char **ret_id, struct error **err)
{
    struct translate_options options = {
        .engine = o->engine, .number = o->number, .name = name, .image_id = o->image_id};
    CLEANUP(translation) struct translation t = {0};
    CLEANUP(container) struct container *c = NULL;
    int r = held_write(o->engine, o->project, o->service, err);
    if (r == 0) {
        r = translate(o->project, o->service, &options, &t, err);
    }
    if (r == 0) {
        r = engine_run(o->engine, &t.request, err);
    }
    if (r == 0) {
        r = container_find(o->engine, name, &c, err);
    }
    if (r < 0) {
        return r;
    }
    *ret_id = xstrdup(c->id);
    r = hooks_run(o->engine, o->cloison, node_get(service_of(o), "post_start"), c->id, err);
    return r < 0 ? r : await_ready(o, c->id, err);
}

/* Names change hands; from now on the balancer sends the one that leaves nothing. */
static int hand_over(const struct operation *o, const char *from_id, const char *to_id,
                     struct error **err)
{
    CLEANUP(container) struct container *from = NULL;
    int r = container_load(o->engine, from_id, &from, err);
    if (r == 0) {
        r = container_let_leave(o->engine, from, err);
    }
    if (r == 0) {
        r = engine_rename(o->engine, to_id, o->name, err);
    }
    if (r == 0 && node_at(o->project->model, "services", BALANCER_SERVICE, NULL)) {
        r = balancer_load(o->engine, o->project, err);
    }
    return r;
}

/* The container `id` goes; it may still have requests under way. */
static int remove_drained(const struct operation *o, const char *id, struct error **err)
{
    struct operation other = *o;
    other.old = (char *)id; /* borrowed for the call */
    return op_remove(&other, err);
}

/* The new one has the name already, and does not stay up: the old one, which still runs, gets it
 * back. */
static void hand_back(const struct operation *o, const char *new_id)
{
    if (hand_over(o, new_id, o->old, NULL) == 0) {
        IGNORE(remove_drained(o, new_id, NULL) < 0); /* the first error counts */
    }
}

int op_roll(const void *operation, struct error **err)
{
    const struct operation *o = operation;
    CLEANUP(free) char *name = str_format("%s.next", o->name);
    CLEANUP(free) char *id = NULL;
    struct error *mine = NULL;
    IGNORE(engine_remove(o->engine, name, true, true, NULL) < 0); /* of an update that was killed */
    int r = bring_new(o, name, &id, &mine);
    if (r < 0) {
        IGNORE(engine_remove(o->engine, name, true, true, NULL) < 0); /* the first error counts */
        error_move(err, &mine, r);
        return error_wrap(err, r, "'%s' is rolled back, the old one serves on", o->name);
    }
    r = hand_over(o, o->old, id, err);
    if (r < 0) {
        return r;
    }
    r = observe(o, id, false, &mine);
    if (r < 0) {
        hand_back(o, id);
        error_move(err, &mine, r);
        return error_wrap(err, r, "'%s' is rolled back, the old one serves on", o->name);
    }
    r = o->keep_old ? op_drain_and_stop(o, err) : op_remove(o, err);
    if (r == 0) {
        delay(o, false);
    }
    return r;
}

static int start_old(const struct operation *o, struct error **err)
{
    int r = op_start(o, err);
    return r < 0 ? r : await_ready(o, o->old, err);
}

/* Beside the new one where both can be there at once, else after it. */
int op_restore(const void *operation, struct error **err)
{
    const struct operation *o = operation;
    const struct node *service = service_of(o);
    const char *order = node_text(settings_of(service, true), "order");
    bool beside = service_rolls(service) && !str_equal(order, "stop-first");
    CLEANUP(container) struct container *new = NULL;
    int r = container_find(o->engine, o->name, &new, err);
    if (r == 0) {
        r = beside ? start_old(o, err) : engine_stop(o->engine, new->id, o->timeout_s, 0, err);
    }
    if (r == 0) {
        r = hand_over(o, new->id, o->old, err);
    }
    if (r == 0 && !beside) {
        r = start_old(o, err);
    }
    if (r == 0) {
        r = observe(o, o->old, true, err);
    }
    if (r == 0) {
        r = remove_drained(o, new->id, err);
    }
    if (r < 0) {
        return error_wrap(err, r, "bringing the old '%s' back", o->name);
    }
    delay(o, true);
    return 0;
}

int op_discard(const void *operation, struct error **err)
{
    const struct operation *o = operation;
    return engine_remove(o->engine, o->old, true, false, err);
}
