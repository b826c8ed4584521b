// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "net/helper.h"
#include "net/net.h"

static const char *const address_keys[] = {[NET_IPV4] = "address", [NET_IPV6] = "address6"};

void net_endpoint_done(struct net_endpoint *e)
{
    net_network_free(e->network);
    free(e->interface);
    free(e->host_interface);
    free(e->mac_address);
    strv_done(&e->aliases);
    strv_done(&e->links);
    *e = (struct net_endpoint){0};
}

void net_attachment_free(struct net_attachment *a)
{
    if (!a) {
        return;
    }
    for (size_t i = 0; i < a->count; i++) {
        net_endpoint_done(&a->endpoints[i]);
    }
    for (size_t i = 0; i < a->held_count; i++) {
        fd_close(a->held_fds[i]);
    }
    for (size_t i = 0; i < a->loop_count; i++) {
        fd_close(a->loops[i].fd);
    }
    if (a->helper) {
        net_helper_drop(a->helper);
        free(a->helper);
    }
    free(a->withdrawal);
    if (a->netns) {
        fd_close(*a->netns);
        free(a->netns);
    }
    free(a->loops);
    free(a->endpoints);
    free(a->held_fds);
    json_decref(a->ports);
    free(a);
}

static unsigned hex_digit(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10) & 0xf;
}

void net_endpoint_id(const char *container_id, const char *network_id,
                     char ret[NET_ENDPOINT_ID_BYTES])
{
    size_t i = 0;
    for (; i < NET_ENDPOINT_ID_BYTES - 1 && container_id[i] && network_id[i]; i++) {
        ret[i] = "0123456789abcdef"[hex_digit(container_id[i]) ^ hex_digit(network_id[i])];
    }
    ret[i] = '\0';
}

const struct net_endpoint *net_attachment_exit_without(const struct net_attachment *a, int family,
                                                       const struct net_endpoint *gone)
{
    const struct net_endpoint *best = NULL;
    for (size_t i = 0; i < a->count; i++) {
        const struct net_endpoint *e = &a->endpoints[i];
        if (e != gone && e->addresses[family].family && !e->network->internal &&
            (!best || e->exit_priority > best->exit_priority)) {
            best = e;
        }
    }
    return best;
}

const struct net_endpoint *net_attachment_exit(const struct net_attachment *a, int family)
{
    return net_attachment_exit_without(a, family, NULL);
}

const struct net_endpoint *net_attachment_entry(const struct net_attachment *a, int family)
{
    for (size_t i = 0; i < a->count; i++) {
        const struct net_endpoint *e = &a->endpoints[i];
        if (e->addresses[family].family && !e->network->internal &&
            net_network_is_bridge(e->network)) {
            return e;
        }
    }
    return NULL;
}

const struct net_endpoint *net_attachment_find(const struct net_attachment *a,
                                               const char *network_id)
{
    for (size_t i = 0; i < a->count; i++) {
        if (str_equal(a->endpoints[i].network->id, network_id)) {
            return &a->endpoints[i];
        }
    }
    return NULL;
}

bool net_attachment_has_names(const struct net_attachment *a)
{
    for (size_t i = 0; i < a->count; i++) {
        if (!str_equal(a->endpoints[i].network->name, "bridge")) {
            return true;
        }
    }
    return false;
}

const struct net_network *net_attachment_server(const struct net_attachment *a)
{
    for (size_t i = 0; i < a->count; i++) {
        const struct net_network *n = a->endpoints[i].network;
        if (net_network_is_bridge(n) && !str_equal(n->name, "bridge")) {
            return n;
        }
    }
    return NULL;
}

static json_t *endpoint_to_json(const struct net_endpoint *e)
{
    json_t *o = json_pack("{s:o, s:s*, s:s*, s:s*}", "network", net_network_to_json(e->network),
                          "interface", e->interface, "hostInterface", e->host_interface,
                          "macAddress", e->mac_address);
    for (int f = 0; f < NET_FAMILIES; f++) {
        char text[NET_ADDRESS_BYTES];
        net_address_text(&e->addresses[f], text);
        if (text[0]) {
            (void)json_object_set_new(o, address_keys[f], json_string(text));
        }
    }
    if (e->aliases.count) {
        (void)json_object_set_new(o, "aliases", json_from_strv(&e->aliases));
    }
    if (e->links.count) {
        (void)json_object_set_new(o, "links", json_from_strv(&e->links));
    }
    if (e->exit_priority) {
        (void)json_object_set_new(o, "exitPriority", json_integer(e->exit_priority));
    }
    return o;
}

json_t *net_attachment_to_json(const struct net_attachment *a)
{
    json_t *o = json_object(), *endpoints = json_array();
    for (size_t i = 0; i < a->count; i++) {
        (void)json_array_append_new(endpoints, endpoint_to_json(&a->endpoints[i]));
    }
    (void)json_object_set_new(o, "endpoints", endpoints);
    if (a->rate.in || a->rate.out) {
        (void)json_object_set_new(
            o, "rate",
            json_pack("{s:I, s:I}", "in", (json_int_t)a->rate.in, "out", (json_int_t)a->rate.out));
    }
    (void)json_object_set_new(o, "ports", a->ports ? json_deep_copy(a->ports) : json_array());
    return o;
}

static int endpoint_from_json(const json_t *o, struct net_endpoint *e, struct error **err)
{
    static const char where[] = "network attachment";
    const char *interface = NULL, *host = NULL, *mac = NULL, *text = NULL;
    json_t *network = NULL;
    int r = json_get_object(o, "network", where, &network, err);
    r = r < 0 ? r : json_get_str(o, "interface", where, &interface, err);
    r = r < 0 ? r : json_get_str(o, "hostInterface", where, &host, err);
    r = r < 0 ? r : json_get_str(o, "macAddress", where, &mac, err);
    int64_t priority = 0;
    r = r < 0 ? r : json_get_strv(o, "aliases", where, &e->aliases, err);
    r = r < 0 ? r : json_get_strv(o, "links", where, &e->links, err);
    r = r < 0 ? r : json_get_i64(o, "exitPriority", where, INT32_MIN, INT32_MAX, &priority, err);
    e->exit_priority = (int)priority;
    for (int f = 0; f < NET_FAMILIES && r >= 0; f++) {
        r = json_get_str(o, address_keys[f], where, &text, err);
        if (r > 0 && net_address_parse(text, &e->addresses[f]) < 0) {
            r = error_set(err, ERROR_CORRUPT, 0, "%s: '%s' is no address", where, text);
        }
    }
    r = r < 0 ? r : net_network_from_json(network, where, &e->network, err);
    if (r < 0) {
        return r;
    }
    if (!interface || (host && !net_device_name_valid(host)) || !net_device_name_valid(interface)) {
        return error_set(err, ERROR_CORRUPT, 0, "%s: no interface", where);
    }
    e->interface = xstrdup(interface);
    e->host_interface = xstrdup(host);
    e->mac_address = xstrdup(mac);
    return 0;
}

static int read_rate(const json_t *json, struct net_rate *ret, struct error **err)
{
    json_t *rate = NULL;
    int64_t in = 0, out = 0;
    int r = json_get_object(json, "rate", "network attachment", &rate, err);
    if (r > 0) {
        r = json_get_i64(rate, "in", "rate", 0, INT64_MAX, &in, err);
        r = r < 0 ? r : json_get_i64(rate, "out", "rate", 0, INT64_MAX, &out, err);
    }
    *ret = (struct net_rate){(uint64_t)in, (uint64_t)out};
    return r;
}

int net_attachment_from_json(const json_t *json, struct net_attachment **ret, struct error **err)
{
    static const char where[] = "network attachment";
    CLEANUP(net_attachment) struct net_attachment *a = xcalloc(1, sizeof(*a));
    json_t *endpoints = NULL, *ports = NULL, *endpoint;
    size_t i;
    int r = json_get_array(json, "endpoints", where, &endpoints, err);
    r = r < 0 ? r : json_get_array(json, "ports", where, &ports, err);
    r = r < 0 ? r : read_rate(json, &a->rate, err);
    a->endpoints = xcalloc(json_array_size(endpoints) + 1, sizeof(*a->endpoints));
    json_array_foreach(endpoints, i, endpoint)
    {
        r = r < 0 ? r : endpoint_from_json(endpoint, &a->endpoints[a->count++], err);
    }
    if (r < 0) {
        return r;
    }
    a->ports = ports ? json_incref(ports) : json_array();
    *ret = take_ptr(a);
    return 0;
}
