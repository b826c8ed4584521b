// SPDX-License-Identifier: Apache-2.0
/* Joining and leaving networks, of containers that run and of those that do not. */
#include <errno.h>

#include "engine/links.h"
#include "engine/networks.h"
#include "engine/recover.h"
#include "net/store.h"

static bool is_attached(const struct container *c)
{
    return container_is_up(c) && c->status != CONTAINER_RESTARTING && c->pid > 0;
}

/* One that can be in other networks than it is in. */
static int check_changeable(const struct container *c, struct error **err)
{
    if (!c->networks) {
        return error_set(
            err, ERROR_UNSUPPORTED, 0, "container '%s' has no network of its own (--network %s)",
            c->name, str_starts(c->network_mode, "container:") ? "container:…" : c->network_mode);
    }
    if (is_attached(c) && network_is_machine(c)) {
        int r = error_set(err, ERROR_UNSUPPORTED, 0,
                          "behind the %s wall '%s' keeps the networks that it started with",
                          c->wall, c->name);
        return error_hint(err, r, "stop it first");
    }
    return 0;
}

/* Takes the lock and loads the container under it. */
static int lock_container(const struct engine *e, const char *name, struct container **ret,
                          struct error **err)
{
    CLEANUP(container) struct container *c = NULL;
    int r = container_find_recovered(e, name, &c, err);
    CLEANUP(fd) int lock = r < 0 ? -1 : container_lock(e, c->id, true, err);
    r = r < 0 ? r : lock;
    r = r < 0 ? r : container_load(e, c->id, ret, err);
    r = r < 0 ? r : check_changeable(*ret, err);
    return r < 0 ? r : take_fd(&lock);
}

static int connect_running(const struct engine *e, const struct container *c,
                           const struct net_choices *one, struct error **err)
{
    CLEANUP(network_need) struct network_need need = {0};
    CLEANUP(net_attachment) struct net_attachment *a = NULL;
    int r = network_need(e, c, c->pid, &need, err);
    need.request.networks = one;
    r = r < 0 ? r : net_connect(&need.request, &a, err);
    return r < 0 ? r : network_write_files(e, c, a, true, err);
}

static int find_choice(const struct net_choices *all, const char *network)
{
    for (size_t i = 0; i < all->count; i++) {
        if (str_equal(all->items[i].network, network)) {
            return (int)i;
        }
    }
    return -1;
}

static int save_networks(const struct engine *e, struct container *c, json_t *networks_take,
                         struct error **err)
{
    json_decref(c->networks);
    c->networks = networks_take;
    const char *first =
        json_string_value(json_object_get(json_array_get(c->networks, 0), "network"));
    free(c->network_mode);
    c->network_mode = xstrdup(str_or(first, "none"));
    return container_save(e, c, err);
}

static int disconnect_running(const struct engine *e, const struct container *c,
                              const char *network, struct error **err)
{
    CLEANUP(network_need) struct network_need need = {0};
    CLEANUP(net_attachment) struct net_attachment *a = NULL;
    const json_t *end;
    size_t i;
    const char *id = NULL;
    json_array_foreach(json_object_get(c->network, "endpoints"), i, end)
    {
        const json_t *n = json_object_get(end, "network");
        if (str_equal(json_string_value(json_object_get(n, "name")), network)) {
            id = json_string_value(json_object_get(n, "id"));
        }
    }
    int r = network_need(e, c, c->pid, &need, err);
    r = r < 0 || !id ? r : net_disconnect(&need.request, id, &a, err);
    return r < 0 || !a ? r : network_write_files(e, c, a, true, err);
}

int engine_network_connect(const struct engine *e, const char *container,
                           const struct net_choice *choice, struct error **err)
{
    CLEANUP(container) struct container *c = NULL;
    CLEANUP(net_choices) struct net_choices all = {0}, one = {0};
    CLEANUP(fd) int lock = lock_container(e, container, &c, err);
    if (lock < 0) {
        return lock;
    }
    struct net_choice *mine = net_choices_add(&one, choice->network);
    mine->ip = xstrdup(choice->ip);
    mine->ip6 = xstrdup(choice->ip6);
    mine->mac_address = xstrdup(choice->mac_address);
    mine->interface = xstrdup(choice->interface);
    mine->exit_priority = choice->exit_priority;
    strv_add_all(&mine->aliases, choice->aliases.items);
    int r = links_resolve(e, &choice->links, &mine->links, err);
    r = r < 0 ? r : network_check_choices(e, &one, err);
    r = r < 0 ? r : net_choices_from_json(c->networks, &all, err);
    if (r >= 0 && network_is_special(mine->network)) {
        return error_set(err, ERROR_USAGE, 0, "network '%s' cannot be joined later", mine->network);
    }
    if (r >= 0 && find_choice(&all, mine->network) >= 0) {
        return error_set(err, ERROR_EXISTS, EEXIST, "container '%s' is in network '%s' already",
                         c->name, mine->network);
    }
    /* What a connect that was killed has made of it goes first. */
    r = r < 0 || !is_attached(c) ? r : disconnect_running(e, c, mine->network, err);
    r = r < 0 || !is_attached(c) ? r : connect_running(e, c, &one, err);
    if (r < 0) {
        return error_wrap(err, r, "cannot connect '%s'", c->name);
    }
    CLEANUP(json) json_t *added = net_choices_to_json(&one);
    json_t *networks = json_copy(c->networks);
    (void)json_array_extend(networks, added);
    return save_networks(e, c, networks, err);
}

/* Its own name, also when it was given as an ID. */
static int network_name(const struct engine *e, const char *network, bool force, char **ret,
                        struct error **err)
{
    CLEANUP(net_network) struct net_network *n = NULL;
    struct net_place place = {e->run_dir, e->data_dir, e->config_path};
    CLEANUP(error) struct error *mine = NULL;
    int r = net_network_find(&place, network, &n, &mine);
    if (r < 0 && !force) {
        return error_move(err, &mine, r);
    }
    *ret = xstrdup(n ? n->name : network);
    return 0;
}

int engine_network_disconnect(const struct engine *e, const char *network, const char *container,
                              bool force, struct error **err)
{
    CLEANUP(container) struct container *c = NULL;
    CLEANUP(net_choices) struct net_choices all = {0};
    CLEANUP(free) char *name = NULL;
    CLEANUP(fd) int lock = lock_container(e, container, &c, err);
    int r = lock < 0 ? lock : network_name(e, network, force, &name, err);
    r = r < 0 ? r : net_choices_from_json(c->networks, &all, err);
    int at = r < 0 ? -1 : find_choice(&all, name);
    if (r >= 0 && at < 0) {
        return error_set(err, ERROR_NOT_FOUND, ENOENT, "container '%s' is not in network '%s'",
                         c->name, name);
    }
    r = r < 0 || !is_attached(c) ? r : disconnect_running(e, c, name, err);
    if (r < 0) {
        return c ? error_wrap(err, r, "cannot disconnect '%s'", c->name) : r;
    }
    json_t *networks = json_copy(c->networks);
    (void)json_array_remove(networks, (size_t)at);
    return save_networks(e, c, networks, err);
}
