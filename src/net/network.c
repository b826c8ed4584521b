// SPDX-License-Identifier: Apache-2.0
#include "net/network.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/json.h"

#define PREFIX_MIN 8
#define PREFIX_MAX_IPV4 30  /* two addresses beside the network's and the broadcast's */
#define PREFIX_MAX_IPV6 126 /* likewise, as routers' anycast takes the first */

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

void net_network_free(struct net_network *n)
{
    if (!n) {
        return;
    }
    free(n->name);
    free(n->id);
    free(n->created);
    free(n->driver);
    free(n->mode);
    for (int f = 0; f < NET_FAMILIES; f++) {
        json_decref(n->pools[f].aux);
    }
    json_decref(n->labels);
    json_decref(n->options);
    json_decref(n->ipam_options);
    free(n->prefix);
    free(n);
}

bool net_network_is_bridge(const struct net_network *n)
{
    return str_equal(n->driver, "bridge");
}

bool net_subnet_usable(const struct net_subnet *s)
{
    int most = s->base.family == AF_INET6 ? PREFIX_MAX_IPV6 : PREFIX_MAX_IPV4;
    return s->base.family && s->prefix >= PREFIX_MIN && s->prefix <= most;
}

bool net_device_name_valid(const char *name)
{
    size_t n = strlen(name);
    return n > 0 && n < NET_DEVICE_BYTES && name[0] != '-' && name[0] != '.' &&
           strspn(name, LETTERS "_.-") == n;
}

int net_name_check(const char *name, struct error **err)
{
    size_t n = strlen(name);
    if (n == 0 || n > NET_NAME_MAX || !strchr(LETTERS, name[0]) ||
        strspn(name, LETTERS "_.-") != n) {
        return error_set(err, ERROR_USAGE, EINVAL,
                         "invalid network name '%s': only [a-zA-Z0-9][a-zA-Z0-9_.-]* is allowed, "
                         "at most %d characters",
                         name, NET_NAME_MAX);
    }
    return 0;
}

/* An IPv4 subnet's last address is its broadcast; an IPv6 one has none. */
uint64_t net_pool_first(const struct net_pool *p)
{
    if (!p->range.base.family) {
        return 1;
    }
    uint64_t first = net_subnet_number(&p->subnet, &p->range.base);
    return first ? first : 1;
}

uint64_t net_pool_last(const struct net_pool *p)
{
    uint64_t end = net_subnet_last(&p->subnet) - (p->subnet.base.family == AF_INET);
    if (!p->range.base.family) {
        return end;
    }
    uint64_t first = net_subnet_number(&p->subnet, &p->range.base);
    uint64_t last = first + net_subnet_last(&p->range);
    return last < first || last > end ? end : last;
}

bool net_pool_is_kept(const struct net_pool *p, const struct net_address *a)
{
    const char *name;
    json_t *value;
    char text[NET_ADDRESS_BYTES];
    net_address_text(a, text);
    json_object_foreach(p->aux, name, value)
    {
        if (str_equal(json_string_value(value), text)) {
            return true;
        }
    }
    return net_address_equal(&p->gateway, a);
}

static void set_text(json_t *o, const char *key, const char *text)
{
    if (text && text[0]) {
        (void)json_object_set_new(o, key, json_string(text));
    }
}

static json_t *pool_to_json(const struct net_pool *p)
{
    char text[NET_SUBNET_BYTES];
    json_t *o = json_object();
    net_subnet_text(&p->subnet, text);
    set_text(o, "subnet", text);
    net_subnet_text(&p->range, text);
    set_text(o, "range", text);
    net_address_text(&p->gateway, text);
    set_text(o, "gateway", text);
    if (p->aux) {
        (void)json_object_set(o, "aux", p->aux);
    }
    return o;
}

static const struct {
    const char *key;
    size_t offset;
} texts[] = {
    {"name", offsetof(struct net_network, name)},
    {"id", offsetof(struct net_network, id)},
    {"created", offsetof(struct net_network, created)},
    {"driver", offsetof(struct net_network, driver)},
    {"mode", offsetof(struct net_network, mode)},
    {"prefix", offsetof(struct net_network, prefix)},
};

static const struct {
    const char *key;
    size_t offset;
} flags[] = {
    {"internal", offsetof(struct net_network, internal)},
    {"attachable", offsetof(struct net_network, attachable)},
    {"hidden", offsetof(struct net_network, hidden[NET_IPV4])},
    {"hidden6", offsetof(struct net_network, hidden[NET_IPV6])},
    {"mutual", offsetof(struct net_network, mutual)},
};

json_t *net_network_to_json(const struct net_network *n)
{
    char address[NET_ADDRESS_BYTES];
    json_t *o = json_object(), *pools = json_array();
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        set_text(o, texts[i].key, *(char *const *)((const char *)n + texts[i].offset));
    }
    for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
        if (*(const bool *)((const char *)n + flags[i].offset)) {
            (void)json_object_set_new(o, flags[i].key, json_true());
        }
    }
    set_text(o, "device", n->device);
    for (int f = 0; f < NET_FAMILIES; f++) {
        if (net_network_has(n, f)) {
            (void)json_array_append_new(pools, pool_to_json(&n->pools[f]));
        }
    }
    (void)json_object_set_new(o, "pools", pools);
    (void)json_object_set_new(o, "mtu", json_integer(n->mtu));
    net_address_text(&n->publish_address, address);
    set_text(o, "publishAddress", address);
    if (n->labels) {
        (void)json_object_set(o, "labels", n->labels);
    }
    if (n->options) {
        (void)json_object_set(o, "options", n->options);
    }
    if (n->ipam_options) {
        (void)json_object_set(o, "ipamOptions", n->ipam_options);
    }
    return o;
}

static int read_subnet(const json_t *o, const char *key, const char *where, struct net_subnet *ret,
                       struct error **err)
{
    const char *text = NULL;
    int r = json_get_str(o, key, where, &text, err);
    if (r > 0 && net_subnet_parse(text, ret) < 0) {
        return error_set(err, ERROR_CORRUPT, EINVAL, "%s: '%s' is no subnet", where, text);
    }
    return r;
}

static int read_address(const json_t *o, const char *key, const char *where,
                        struct net_address *ret, struct error **err)
{
    const char *text = NULL;
    int r = json_get_str(o, key, where, &text, err);
    if (r > 0 && net_address_parse(text, ret) < 0) {
        return error_set(err, ERROR_CORRUPT, EINVAL, "%s: '%s' is no address", where, text);
    }
    return r;
}

static int read_pool(const json_t *o, const char *where, struct net_network *n, struct error **err)
{
    struct net_pool p = {0};
    int r = read_subnet(o, "subnet", where, &p.subnet, err);
    r = r < 0 ? r : read_subnet(o, "range", where, &p.range, err);
    r = r < 0 ? r : read_address(o, "gateway", where, &p.gateway, err);
    if (r < 0) {
        return r;
    }
    if (!net_subnet_usable(&p.subnet) ||
        (p.range.base.family && !net_subnet_has(&p.subnet, &p.range.base))) {
        return error_set(err, ERROR_CORRUPT, EINVAL, "%s: a subnet that none can be", where);
    }
    p.aux = json_incref(json_object_get(o, "aux"));
    struct net_pool *to = &n->pools[p.subnet.base.family == AF_INET6 ? NET_IPV6 : NET_IPV4];
    json_decref(to->aux);
    *to = p;
    return 0;
}

static int read_pools(const json_t *json, const char *where, struct net_network *n,
                      struct error **err)
{
    json_t *pools = NULL, *pool;
    size_t i;
    int r = json_get_array(json, "pools", where, &pools, err);
    json_array_foreach(pools, i, pool)
    {
        r = r < 0 ? r : read_pool(pool, where, n, err);
    }
    return r;
}

static int read_plain(const json_t *json, const char *where, struct net_network *n,
                      struct error **err)
{
    int r = 0;
    for (size_t i = 0; i < ARRAY_SIZE(texts) && r >= 0; i++) {
        const char *text = NULL;
        r = json_get_str(json, texts[i].key, where, &text, err);
        *(char **)((char *)n + texts[i].offset) = xstrdup(text);
    }
    for (size_t i = 0; i < ARRAY_SIZE(flags) && r >= 0; i++) {
        r = json_get_bool(json, flags[i].key, where, (bool *)((char *)n + flags[i].offset), err);
    }
    return r;
}

int net_network_from_json(const json_t *json, const char *where, struct net_network **ret,
                          struct error **err)
{
    CLEANUP(net_network) struct net_network *n = xcalloc(1, sizeof(*n));
    const char *device = NULL;
    int64_t mtu = 0;
    int r = read_plain(json, where, n, err);
    r = r < 0 ? r : json_get_str(json, "device", where, &device, err);
    r = r < 0 ? r : json_get_i64(json, "mtu", where, 0, 65535, &mtu, err);
    r = r < 0 ? r : read_address(json, "publishAddress", where, &n->publish_address, err);
    r = r < 0 ? r : read_pools(json, where, n, err);
    if (r < 0) {
        return r;
    }
    if (!n->name || !n->id || !n->driver || (device && !net_device_name_valid(device)) ||
        (n->prefix && !net_device_name_valid(n->prefix))) {
        return error_set(err, ERROR_CORRUPT, 0, "%s: not a network", where);
    }
    (void)stpncpy(n->device, str_or(device, ""), sizeof(n->device) - 1);
    n->mtu = (int)mtu;
    n->labels = json_incref(json_object_get(json, "labels"));
    n->options = json_incref(json_object_get(json, "options"));
    n->ipam_options = json_incref(json_object_get(json, "ipamOptions"));
    *ret = take_ptr(n);
    return 0;
}

struct net_network *net_network_copy(const struct net_network *n)
{
    CLEANUP(json) json_t *json = net_network_to_json(n);
    struct net_network *copy = NULL;
    IGNORE(net_network_from_json(json, "a network", &copy, NULL)); /* what was read can be read */
    return copy;
}
