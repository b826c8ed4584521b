// SPDX-License-Identifier: Apache-2.0
#include "engine/update.h"

#include <fcntl.h>
#include <string.h>

#include "engine/events.h"
#include "engine/networks.h"
#include "engine/recover.h"
#include "engine/stats.h"
#include "spec/host.h"

static int change_restart(const struct run_request *request, struct container *c,
                          struct error **err)
{
    const char *policy = NULL;
    if (!request->restart) {
        return 0;
    }
    int r = restart_policy_parse(request->restart, &policy, &c->restart_max, err);
    if (r >= 0 && c->remove && !str_equal(policy, "no")) {
        return error_set(err, ERROR_USAGE, 0, "'%s' is removed at its end (--rm): no --restart",
                         c->name);
    }
    if (r >= 0) {
        free(c->restart_policy);
        c->restart_policy = xstrdup(policy);
    }
    return r < 0 ? r : 0;
}

/* At the network, and where the wall has a limit of its own. */
static int change_running_rate(const struct engine *e, const struct container *c,
                               const struct net_request *request, struct error **err)
{
    const struct wall_ops *wall = NULL;
    struct workload *w = NULL;
    int r = engine_workload(e, c, &wall, &w, err);
    if (r >= 0) {
        const struct net_rate *rate = &request->rate;
        r = wall->update_network ? wall->update_network(w, rate->in, rate->out, err) : 0;
        wall->close(w);
    }
    return r < 0 ? r : net_set_rate(request, err);
}

/* In the kernel, when it runs; in *c, for the next start. */
static int change_rate(const struct engine *e, const struct run_request *request,
                       struct container *c, struct error **err)
{
    struct net_rate rate = {0};
    CLEANUP(network_need) struct network_need need = {0};
    if (!request->network_rate) {
        return 0;
    }
    if (!c->networks) {
        return error_set(err, ERROR_USAGE, 0, "--network-rate needs a network of its own, not '%s'",
                         c->network_mode);
    }
    int r = c->network_rate ? net_rate_parse(c->network_rate, &rate, err) : 0;
    r = r < 0 ? r : net_rate_parse(request->network_rate, &rate, err);
    r = r < 0 ? r : network_need(e, c, c->pid, &need, err);
    if (r < 0) {
        return r;
    }
    need.request.rate = rate;
    r = container_is_up(c) ? change_running_rate(e, c, &need.request, err) : 0;
    if (r >= 0) {
        free(c->network_rate);
        c->network_rate = net_rate_text(&rate);
    }
    return r;
}

static int change_running(const struct engine *e, const struct container *c,
                          const struct spec_resources *changes, struct error **err)
{
    const struct wall_ops *wall = NULL;
    struct workload *w = NULL;
    int r = engine_workload(e, c, &wall, &w, err);
    if (r >= 0) {
        r = wall->update ? wall->update(w, changes, err) : wall_cannot(wall, "change limits", err);
        wall->close(w);
    }
    return r;
}

/* What `inspect` shows is the request: quota and period take the place of --cpus, and back. */
static void change_request(const struct run_request *request, struct container *c)
{
    CLEANUP(json) json_t *changes = run_request_to_json(request);
    if (request->network_rate) {
        (void)json_object_del(changes, "networkRate");
        (void)json_object_del(c->request, "networkRate");
        if (c->network_rate) {
            (void)json_object_set_new(changes, "networkRate", json_string(c->network_rate));
        }
    }
    if (json_object_get(changes, "cpuQuota") || json_object_get(changes, "cpuPeriod")) {
        json_object_del(c->request, "cpusThousandths");
    }
    if (json_object_get(changes, "cpusThousandths")) {
        json_object_del(c->request, "cpuQuota");
        json_object_del(c->request, "cpuPeriod");
    }
    json_object_update(c->request, changes);
}

/* Is there anything for the wall? The rate and the policy are not its own. */
static bool names_limit(const struct run_request *request)
{
    CLEANUP(json) json_t *all = run_request_to_json(request);
    (void)json_object_del(all, "networkRate");
    (void)json_object_del(all, "restart");
    return json_object_size(all) > 0;
}

static int save(const struct engine *e, const struct container *c, const struct spec *spec,
                struct error **err)
{
    CLEANUP(free) char *path = container_data_path(e, c->id, "config.json");
    CLEANUP(free) char *text = spec_to_text(spec, false);
    int r = file_write_atomic(AT_FDCWD, path, text, strlen(text), 0600, FILE_NO_SYNC, err);
    return r < 0 ? r : container_save(e, c, err);
}

/* The container's lock is held. */
static int update(const struct engine *e, struct container *c, const struct run_request *request,
                  struct error **err)
{
    CLEANUP(spec) struct spec *spec = NULL;
    CLEANUP(arena) struct arena *arena = arena_new();
    CLEANUP(free) char *path = container_data_path(e, c->id, "config.json");
    struct spec_environment environment = {0};
    struct spec_resources changes = {0};
    spec_environment_host(arena, request, &environment);
    int r = change_restart(request, c, err);
    if (r >= 0) {
        r = spec_load_path(AT_FDCWD, path, &spec, err);
    }
    if (r >= 0) {
        r = spec_update(request, &environment, spec, &changes, err);
    }
    if (r >= 0 && container_is_up(c) && names_limit(request)) {
        r = change_running(e, c, &changes, err);
    }
    r = r < 0 ? r : change_rate(e, request, c, err);
    if (r >= 0) {
        change_request(request, c);
        r = save(e, c, spec, err);
    }
    return r;
}

int engine_update(const struct engine *e, const char *name, const struct run_request *request,
                  struct error **err)
{
    CLEANUP(container) struct container *c = NULL, *now = NULL;
    int r = container_find_recovered(e, name, &c, err);
    if (r < 0) {
        return r;
    }
    CLEANUP(fd) int lock = container_hold(e, c->id, &now, err);
    if (lock < 0) {
        return lock;
    }
    r = update(e, now, request, err);
    if (r < 0) {
        return error_wrap(err, r, "cannot update '%s'", c->name);
    }
    event_write(e, now, "update", NULL);
    return 0;
}
