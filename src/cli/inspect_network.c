// SPDX-License-Identifier: Apache-2.0
#include "cli/inspect_object.h"
#include "net/store.h"

#define NO_TIME "0001-01-01T00:00:00Z" /* Docker's for "never": those that there always are */

static json_t *pool_of(const struct net_pool *p)
{
    char text[NET_SUBNET_BYTES];
    json_t *o = json_object();
    net_subnet_text(&p->subnet, text);
    json_object_set_new(o, "Subnet", json_string(text));
    net_subnet_text(&p->range, text);
    if (text[0]) {
        json_object_set_new(o, "IPRange", json_string(text));
    }
    net_address_text(&p->gateway, text);
    json_object_set_new(o, "Gateway", json_string(text));
    if (p->aux) {
        json_object_set(o, "AuxiliaryAddresses", p->aux);
    }
    return o;
}

static json_t *object_or_empty(json_t *object)
{
    return object ? json_incref(object) : json_object();
}

int inspect_network(const struct engine *e, const char *name, json_t **ret, struct error **err)
{
    struct net_place place = {e->run_dir, e->data_dir, e->config_path};
    CLEANUP(net_network) struct net_network *n = NULL;
    json_t *pools = json_array();
    int r = net_network_find(&place, name, &n, err);
    for (int f = 0; r >= 0 && f < NET_FAMILIES; f++) {
        if (net_network_has(n, f)) {
            json_array_append_new(pools, pool_of(&n->pools[f]));
        }
    }
    if (r < 0) {
        json_decref(pools);
        return r;
    }
    *ret = json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:b, s:{s:s, s:o, s:o}}", "Name", n->name,
                     "Id", n->id, "Created", str_or(n->created, NO_TIME), "Scope", "local",
                     "Driver", n->driver, "EnableIPv4", net_network_has(n, NET_IPV4), "EnableIPv6",
                     net_network_has(n, NET_IPV6), "IPAM", "Driver", "default", "Options",
                     object_or_empty(n->ipam_options), "Config", pools);
    json_t *rest = json_pack("{s:b, s:b, s:b, s:{s:s}, s:b, s:s, s:o, s:o, s:o}", "Internal",
                             n->internal, "Attachable", n->attachable, "Ingress", false,
                             "ConfigFrom", "Network", "", "ConfigOnly", false, "Device", n->device,
                             "Containers", net_network_containers(&place, n->id), "Options",
                             object_or_empty(n->options), "Labels", object_or_empty(n->labels));
    json_object_update(*ret, rest);
    json_decref(rest);
    return 0;
}
