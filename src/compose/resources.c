// SPDX-License-Identifier: Apache-2.0
#include "compose/resources.h"

#include <string.h>

#include "compose/members.h"
#include "engine/volumes.h"
#include "net/store.h"

static struct net_place place_of(const struct engine *e)
{
    return (struct net_place){e->run_dir, e->data_dir, e->config_path};
}

static void add_pairs(struct strv *to, const struct node *pairs)
{
    for (size_t i = 0; pairs && i < pairs->count; i++) {
        strv_addf(to, "%s=%s", pairs->entries[i].key, str_or(pairs->entries[i].value->text, ""));
    }
}

static void describe_network(const struct project *p, const char *key, const struct node *n,
                             struct net_network_request *r)
{
    const struct node *pools = node_at(n, "ipam", "config", NULL);
    r->name = node_text(n, "name");
    r->driver = node_text(n, "driver");
    r->internal = node_true(n, "internal");
    r->attachable = node_true(n, "attachable");
    r->ipv6 = node_true(n, "enable_ipv6");
    r->no_ipv4 = node_get(n, "enable_ipv4") && !node_true(n, "enable_ipv4");
    add_pairs(&r->options, node_get(n, "driver_opts"));
    add_pairs(&r->ipam_options, node_at(n, "ipam", "options", NULL));
    add_pairs(&r->labels, node_get(n, "labels"));
    strv_addf(&r->labels, LABEL "project=%s", p->name);
    strv_addf(&r->labels, LABEL "network=%s", key);
    for (size_t i = 0; pools && i < pools->count; i++) {
        const struct node *pool = pools->items[i];
        const char *subnet = node_text(pool, "subnet"), *gateway = node_text(pool, "gateway");
        const char *range = node_text(pool, "ip_range");
        if (subnet) {
            strv_add(&r->subnets, subnet);
        }
        if (gateway) {
            strv_add(&r->gateways, gateway);
        }
        if (range) {
            strv_add(&r->ranges, range);
        }
        add_pairs(&r->aux, node_get(pool, "aux_addresses"));
    }
}

static void network_request_done(struct net_network_request *r)
{
    strv_done(&r->subnets);
    strv_done(&r->gateways);
    strv_done(&r->ranges);
    strv_done(&r->aux);
    strv_done(&r->options);
    strv_done(&r->labels);
}

static int make_network(const struct resource_work *w, const struct project *p, const char *key,
                        const struct node *n, struct error **err)
{
    struct net_place place = place_of(w->engine);
    const char *name = node_text(n, "name");
    CLEANUP(net_network) struct net_network *there = NULL, *made = NULL;
    CLEANUP(error) struct error *missing = NULL;
    int r = net_network_find(&place, name, &there, &missing);
    if (r >= 0 && str_equal(there->name, name)) {
        return 0;
    }
    if (r < 0 && missing->kind != ERROR_NOT_FOUND) {
        return error_move(err, &missing, r);
    }
    if (node_true(n, "external")) {
        r = node_error(n, err, "the external network '%s' does not exist", name);
        return error_hint(err, r, "cloison network create %s", name);
    }
    struct net_network_request request = {0};
    describe_network(p, key, n, &request);
    r = net_network_create(&place, &request, &made, err);
    network_request_done(&request);
    if (r >= 0) {
        w->tell(w->context, "Network", name, "Created");
    }
    return r < 0 ? error_wrap(err, r, "network '%s'", name) : 0;
}

static int make_volume(const struct resource_work *w, const struct project *p, const char *key,
                       const struct node *n, struct error **err)
{
    const char *name = node_text(n, "name"), *driver = node_text(n, "driver");
    struct volume v = {0};
    if (volume_load(w->engine, name, &v, NULL) >= 0) {
        volume_done(&v);
        return 0;
    }
    if (node_true(n, "external")) {
        int r = node_error(n, err, "the external volume '%s' does not exist", name);
        return error_hint(err, r, "cloison volume create %s", name);
    }
    if ((driver && !str_equal(driver, "local")) || node_get(n, "driver_opts")) {
        return node_error(n, err, "volume '%s': there is the driver 'local' alone, without options",
                          key);
    }
    CLEANUP(json) json_t *labels = json_object();
    const struct node *own = node_get(n, "labels");
    for (size_t i = 0; own && i < own->count; i++) {
        json_object_set_new(labels, own->entries[i].key,
                            json_string(str_or(own->entries[i].value->text, "")));
    }
    json_object_set_new(labels, LABEL "project", json_string(p->name));
    json_object_set_new(labels, LABEL "volume", json_string(key));
    int r = volume_make(w->engine, name, labels, err);
    if (r >= 0) {
        w->tell(w->context, "Volume", name, "Created");
    }
    return r < 0 ? error_wrap(err, r, "volume '%s'", key) : 0;
}

int resources_create(const struct resource_work *w, const struct project *p, struct error **err)
{
    const struct node *networks = node_get(p->model, "networks");
    const struct node *volumes = node_get(p->model, "volumes");
    int r = 0;
    for (size_t i = 0; networks && i < networks->count && r == 0; i++) {
        r = make_network(w, p, networks->entries[i].key, networks->entries[i].value, err);
    }
    for (size_t i = 0; volumes && i < volumes->count && r == 0; i++) {
        r = make_volume(w, p, volumes->entries[i].key, volumes->entries[i].value, err);
    }
    return r;
}

/* One that something outside of the project's services uses stays, as Docker Compose has it. */
static int tell_removal(const struct resource_work *w, const char *what, const char *name, int r,
                        struct error **mine, struct error **err)
{
    bool busy = r < 0 && (*mine)->kind == ERROR_BUSY;
    w->tell(w->context, what, name, busy ? "Still in use" : r < 0 ? "Error" : "Removed");
    if (busy) {
        error_free(take_ptr(*mine));
        return 0;
    }
    return r < 0 ? error_move(err, mine, r) : 0;
}

int networks_remove(const struct resource_work *w, const char *project, struct error **err)
{
    struct net_place place = place_of(w->engine);
    struct net_network **all = NULL;
    size_t count = 0;
    int r = net_network_list(&place, &all, &count, err);
    for (size_t i = 0; i < count && r >= 0; i++) {
        const char *of = json_string_value(json_object_get(all[i]->labels, LABEL "project"));
        if (str_equal(of, project)) {
            struct error *mine = NULL;
            r = net_network_remove(&place, all[i]->name, &mine);
            r = tell_removal(w, "Network", all[i]->name, r, &mine, err);
        }
    }
    net_network_list_free(all, count);
    return r < 0 ? r : 0;
}

int volumes_remove(const struct resource_work *w, const char *project, struct error **err)
{
    CLEANUP(strv) struct strv names = {0};
    int r = volume_list(w->engine, &names, err);
    for (size_t i = 0; i < names.count && r >= 0; i++) {
        CLEANUP(volume) struct volume v = {0};
        if (volume_load(w->engine, names.items[i], &v, NULL) < 0) {
            continue; /* gone meanwhile */
        }
        const char *of = json_string_value(json_object_get(v.labels, LABEL "project"));
        if (str_equal(of, project)) {
            struct error *mine = NULL;
            r = volume_remove(w->engine, v.name, &mine);
            r = tell_removal(w, "Volume", v.name, r, &mine, err);
        }
    }
    return r < 0 ? r : 0;
}
