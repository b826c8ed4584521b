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

#define READY_S_DEFAULT 60
#define PORT_LOOK_MS 20

static const struct node *settings_of(const struct node *service)
{
    return node_at(service, "deploy", "update_config", NULL);
}

bool service_rolls(const struct node *service)
{
    const char *order = node_text(settings_of(service), "order");
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

int roll_parallelism(const struct node *service)
{
    const struct node *settings = settings_of(service);
    return settings ? (int)node_int(settings, "parallelism", 1) : balancer_serves(service);
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

static int seconds_of(const struct node *settings, const char *key, int otherwise)
{
    int64_t ms = 0;
    const char *text = node_text(settings, key);
    return text && option_parse_duration_ms(text, &ms) == 0 ? (int)((ms + 999) / 1000) : otherwise;
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
static int await_port(const struct operation *o, const char *id, int seconds, struct error **err)
{
    const struct node *service = node_at(o->project->model, "services", o->service, NULL);
    if (!balancer_serves(service)) {
        return 0;
    }
    for (int looks = seconds * 1000 / PORT_LOOK_MS; looks > 0; looks--) {
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

/* The new one, ready; *ret_id is its ID. */
static int bring_new(const struct operation *o, const char *name, char **ret_id, struct error **err)
{
    const struct node *service = node_at(o->project->model, "services", o->service, NULL);
    int seconds = seconds_of(settings_of(service), "monitor", READY_S_DEFAULT);
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
    r = hooks_run(o->engine, o->cloison, node_get(service, "post_start"), c->id, err);
    if (r == 0) {
        r = container_await(o->engine, c->id, AWAIT_RUNNING, seconds, err);
    }
    return r < 0 ? r : await_port(o, c->id, seconds, err);
}

/* Names change hands; from now on the balancer sends the old one nothing. */
static int hand_over(const struct operation *o, const struct container *old, const char *new_id,
                     struct error **err)
{
    int r = container_let_leave(o->engine, old, err);
    if (r == 0) {
        r = engine_rename(o->engine, new_id, o->name, err);
    }
    if (r == 0 && node_at(o->project->model, "services", BALANCER_SERVICE, NULL)) {
        r = balancer_load(o->engine, o->project, err);
    }
    return r;
}

int op_roll(const void *operation, struct error **err)
{
    const struct operation *o = operation;
    const struct node *service = node_at(o->project->model, "services", o->service, NULL);
    CLEANUP(free) char *name = str_format("%s.next", o->name);
    CLEANUP(free) char *id = NULL;
    CLEANUP(container) struct container *old = NULL;
    struct error *mine = NULL;
    int r = container_load(o->engine, o->old, &old, err);
    if (r < 0) {
        return r;
    }
    IGNORE(engine_remove(o->engine, name, true, true, NULL) < 0); /* of an update that was killed */
    r = bring_new(o, name, &id, &mine);
    if (r < 0) {
        IGNORE(engine_remove(o->engine, name, true, true, NULL) < 0); /* the first error counts */
        error_move(err, &mine, r);
        return error_wrap(err, r, "'%s' is rolled back, the old one serves on", o->name);
    }
    r = hand_over(o, old, id, err);
    if (r < 0) {
        return r;
    }
    r = op_remove(o, err); /* drained first */
    int delay = seconds_of(settings_of(service), "delay", 0);
    if (r == 0 && delay > 0) {
        (void)poll(NULL, 0, delay * 1000); /* what the file asks for: time */
    }
    return r;
}
