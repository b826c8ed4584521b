// SPDX-License-Identifier: Apache-2.0
/* From the words of `network create` to a whole network: what was not said is chosen. */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "net/draft.h"
#include "net/settings.h"

#define DEVICE_DIGITS 12      /* "br-" and these of the ID, as Docker's */
#define CHOSEN_PREFIX_IPV4 24 /* of a subnet that we choose */
#define CHOSEN_PREFIX_IPV6 64
#define CHOSEN_MAX 65536 /* candidates looked at */

static int family_of(const struct net_address *a)
{
    return a->family == AF_INET6 ? NET_IPV6 : NET_IPV4;
}

/* 0/8, 127/8 and from 224/4 on (RFC 6890); ::/8, fe80::/10 and ff00::/8 (RFC 4291 2.4). */
static bool is_no_hosts(const struct net_address *a)
{
    uint8_t first = a->bytes[0];
    if (a->family == AF_INET6) {
        return first == 0 || first == 0xff || (first == 0xfe && (a->bytes[1] & 0xc0) == 0x80);
    }
    return first == 0 || first == IN_LOOPBACKNET || first >= 224;
}

static int add_subnet(struct draft *d, const char *text, struct error **err)
{
    struct net_subnet s;
    int r = net_subnet_parse(text, &s);
    if (r == -ERANGE) {
        return error_set(err, ERROR_USAGE, EINVAL,
                         "invalid subnet '%s': its address has bits behind the prefix", text);
    }
    if (r < 0 || !net_subnet_usable(&s)) {
        return error_set(err, ERROR_USAGE, EINVAL,
                         "invalid subnet '%s': not a network such as 10.1.0.0/16 or fd00:1::/64, "
                         "/8 to /30 or /126",
                         text);
    }
    if (is_no_hosts(&s.base)) {
        return error_set(err, ERROR_USAGE, EINVAL,
                         "invalid subnet '%s': loopback, link-local, multicast and reserved "
                         "addresses are no container's",
                         text);
    }
    struct net_pool *p = &d->network->pools[family_of(&s.base)];
    if (p->subnet.base.family) {
        return error_set(err, ERROR_USAGE, EINVAL,
                         "subnet '%s': a network has one subnet of each family", text);
    }
    p->subnet = s;
    return 0;
}

/* The pool whose subnet has the address. */
static struct net_pool *pool_with(struct draft *d, const struct net_address *a)
{
    struct net_pool *p = &d->network->pools[family_of(a)];
    return net_subnet_has(&p->subnet, a) ? p : NULL;
}

static int outside(const char *what, const char *text, struct error **err)
{
    return error_set(err, ERROR_USAGE, EINVAL, "invalid %s '%s': not within a --subnet", what,
                     text);
}

static int add_range(struct draft *d, const char *text, struct error **err)
{
    struct net_subnet s;
    struct net_pool *p = net_subnet_parse(text, &s) == 0 ? pool_with(d, &s.base) : NULL;
    if (!p || s.prefix < p->subnet.prefix) {
        return outside("range", text, err);
    }
    p->range = s;
    return 0;
}

static int add_gateway(struct draft *d, const char *text, struct error **err)
{
    struct net_address a;
    struct net_pool *p = net_address_parse(text, &a) == 0 ? pool_with(d, &a) : NULL;
    uint64_t number = p ? net_subnet_number(&p->subnet, &a) : 0;
    if (number == 0 || (a.family == AF_INET && number == net_subnet_last(&p->subnet))) {
        return outside("gateway", text, err);
    }
    p->gateway = a;
    return 0;
}

static int add_aux(struct draft *d, const char *text, struct error **err)
{
    const char *equals = strchr(text, '=');
    struct net_address a;
    char whole[NET_ADDRESS_BYTES];
    struct net_pool *p = equals && net_address_parse(equals + 1, &a) == 0 ? pool_with(d, &a) : NULL;
    if (!p || equals == text) {
        return outside("--aux-address (NAME=ADDRESS)", text, err);
    }
    CLEANUP(free) char *name = xstrndup(text, (size_t)(equals - text));
    net_address_text(&a, whole);
    p->aux = p->aux ? p->aux : json_object();
    (void)json_object_set_new(p->aux, name, json_string(whole));
    return 0;
}

static int add_each(struct draft *d, const struct strv *texts,
                    int (*add)(struct draft *, const char *, struct error **), struct error **err)
{
    int r = 0;
    for (size_t i = 0; i < texts->count && r >= 0; i++) {
        r = add(d, texts->items[i], err);
    }
    return r;
}

/* A route of the host that the subnet would hide: its text, or NULL. The first line names the
 * columns. */
static char *route_in_ipv4(const struct net_subnet *s)
{
    CLEANUP(stream) FILE *f = fopen("/proc/net/route", "re");
    char line[256], device[32];
    unsigned destination, mask;
    while (f && fgets(line, sizeof(line), f)) {
        struct net_subnet other = {.base.family = AF_INET};
        if (sscanf(line, "%31s %x %*x %*x %*d %*d %*d %x", device, &destination, &mask) == 3 &&
            mask) {
            memcpy(other.base.bytes, &destination, 4);
            other.prefix = __builtin_popcount(mask);
            if (net_subnets_overlap(s, &other)) {
                char text[NET_SUBNET_BYTES];
                net_subnet_text(&other, text);
                return xstrdup(text);
            }
        }
    }
    return NULL;
}

static char *route_in_ipv6(const struct net_subnet *s)
{
    CLEANUP(stream) FILE *f = fopen("/proc/net/ipv6_route", "re");
    char line[256], device[32];
    unsigned words[4], prefix;
    while (f && fgets(line, sizeof(line), f)) {
        struct net_subnet other = {.base.family = AF_INET6};
        if (sscanf(line, "%8x%8x%8x%8x %x %*x %*x %*x %*x %*x %*x %*x %31s", &words[0], &words[1],
                   &words[2], &words[3], &prefix, device) != 6 ||
            prefix == 0 || str_equal(device, "lo") || (words[0] >> 16 & 0xffc0) == 0xfe80 ||
            words[0] >> 24 == 0xff) {
            continue;
        }
        for (int i = 0; i < 4; i++) {
            words[i] = htonl(words[i]);
        }
        memcpy(other.base.bytes, words, sizeof(words));
        other.prefix = (int)prefix;
        if (net_subnets_overlap(s, &other)) {
            char text[NET_SUBNET_BYTES];
            net_subnet_text(&other, text);
            return xstrdup(text);
        }
    }
    return NULL;
}

static const struct net_network *network_in(const struct draft *d, const struct net_subnet *s)
{
    for (size_t i = 0; i < d->other_count; i++) {
        if (net_subnets_overlap(s, &d->others[i]->pools[family_of(&s->base)].subnet)) {
            return d->others[i];
        }
    }
    return NULL;
}

static char *route_in(const struct net_subnet *s)
{
    return s->base.family == AF_INET6 ? route_in_ipv6(s) : route_in_ipv4(s);
}

/* macvlan and ipvlan are part of a network that the host may well have a route to. */
static int check_overlap(const struct draft *d, const struct net_subnet *s, struct error **err)
{
    char text[NET_SUBNET_BYTES];
    net_subnet_text(s, text);
    const struct net_network *other = network_in(d, s);
    if (other) {
        return error_set(err, ERROR_BUSY, EADDRINUSE, "subnet %s overlaps that of network '%s'",
                         text, other->name);
    }
    CLEANUP(free) char *route = net_network_is_bridge(d->network) ? route_in(s) : NULL;
    return route ? error_set(err, ERROR_BUSY, EADDRINUSE,
                             "subnet %s overlaps the host's route to %s", text, route)
                 : 0;
}

static int choose_subnet(struct draft *d, int family, struct error **err)
{
    const struct net_subnet *from = &d->chosen_from[family];
    int prefix = family == NET_IPV6 ? CHOSEN_PREFIX_IPV6 : CHOSEN_PREFIX_IPV4;
    prefix = prefix < from->prefix ? from->prefix : prefix;
    struct net_subnet s = {.prefix = prefix};
    int shift = (family == NET_IPV6 ? 128 : 32) - prefix;
    uint64_t most = (uint64_t)1 << (prefix - from->prefix > 16 ? 16 : prefix - from->prefix);
    for (uint64_t i = 0; i < most && i < CHOSEN_MAX; i++) {
        if (shift >= 64) { /* IPv6: the number is of 64-bit networks */
            s.base = from->base;
            uint64_t high = i << (shift - 64);
            for (int b = 7; b >= 0 && high; b--, high >>= 8) {
                s.base.bytes[b] |= (uint8_t)high;
            }
        } else {
            s.base = net_subnet_at(from, i << shift);
        }
        CLEANUP(free) char *route = network_in(d, &s) ? NULL : route_in(&s);
        if (!route && !network_in(d, &s)) {
            d->network->pools[family].subnet = s;
            return 0;
        }
    }
    char text[NET_SUBNET_BYTES];
    net_subnet_text(from, text);
    int r = error_set(err, ERROR_BUSY, ENOSPC, "no subnet of %s is free", text);
    return error_hint(err, r, "name one with --subnet");
}

static int finish_pools(struct draft *d, struct error **err)
{
    struct net_network *n = d->network;
    int r = 0;
    for (int f = 0; f < NET_FAMILIES && r >= 0; f++) {
        struct net_pool *p = &n->pools[f];
        bool wanted = f == NET_IPV4 ? !d->request->no_ipv4 : d->request->ipv6;
        if (net_network_has(n, f) && f == NET_IPV4 && !wanted) {
            r = error_set(err, ERROR_USAGE, EINVAL, "--ipv4=false, but a --subnet of IPv4");
        } else if (net_network_has(n, f)) {
            r = check_overlap(d, &p->subnet, err);
        } else if (wanted) {
            r = choose_subnet(d, f, err);
        }
        if (r >= 0 && net_network_has(n, f) && !p->gateway.family) {
            p->gateway = net_subnet_at(&p->subnet, 1);
        }
    }
    return r;
}

/* A device's name of the user's choice must be free, a parent must be there. */
static int finish_device(struct draft *d, struct error **err)
{
    struct net_network *n = d->network;
    if (net_network_is_bridge(n)) {
        bool chosen = n->device[0];
        if (!chosen) {
            (void)snprintf(n->device, sizeof(n->device), "br-%.*s", DEVICE_DIGITS, n->id);
        }
        for (size_t i = 0; i < d->other_count; i++) {
            if (str_equal(d->others[i]->device, n->device)) {
                return error_set(err, ERROR_BUSY, EEXIST, "the bridge '%s' is network '%s's",
                                 n->device, d->others[i]->name);
            }
        }
        return chosen && if_nametoindex(n->device)
                   ? error_set(err, ERROR_BUSY, EEXIST,
                               "the name '%s' is in use by another network device", n->device)
                   : 0;
    }
    if (!n->mode) {
        n->mode = xstrdup(str_equal(n->driver, "macvlan") ? "bridge" : "l2");
    }
    if (!n->device[0]) {
        int r = error_set(err, ERROR_USAGE, EINVAL, "the driver '%s' needs a device of the host's",
                          n->driver);
        return error_hint(err, r, "name it with -o parent=DEVICE");
    }
    return if_nametoindex(n->device) ? 0
                                     : error_set(err, ERROR_NOT_FOUND, ENODEV,
                                                 "the host has no network device '%s'", n->device);
}

static int set_driver(struct draft *d, struct error **err)
{
    static const char *const known[] = {"bridge", "macvlan", "ipvlan", NULL};
    const char *driver = str_or(d->request->driver, "bridge");
    d->network->driver = xstrdup(driver);
    if (str_in(driver, known)) {
        return 0;
    }
    if (str_equal(driver, "host") || str_equal(driver, "null")) {
        return error_set(err, ERROR_UNSUPPORTED, 0, "there is one network of the driver '%s'",
                         driver);
    }
    int r = error_set(err, ERROR_UNSUPPORTED, 0, "unknown network driver '%s'", driver);
    return error_hint(err, r, "there are bridge, macvlan and ipvlan");
}

/* "KEY=VALUE", or "KEY" alone, as an object. */
static json_t *pairs(const struct strv *texts)
{
    json_t *o = json_object();
    for (size_t i = 0; i < texts->count; i++) {
        const char *text = texts->items[i];
        size_t len = strcspn(text, "=");
        CLEANUP(free) char *key = xstrndup(text, len);
        (void)json_object_set_new(o, key, json_string(text[len] ? text + len + 1 : ""));
    }
    return o;
}

static int fill(struct draft *d, struct error **err)
{
    const struct net_network_request *q = d->request;
    int r = set_driver(d, err);
    if (r >= 0 && q->no_ipv4 && !q->ipv6) {
        return error_set(err, ERROR_USAGE, EINVAL, "IPv4 or IPv6 must be enabled");
    }
    r = r < 0 ? r : add_each(d, &q->options, draft_add_option, err);
    r = r < 0 ? r : add_each(d, &q->subnets, add_subnet, err);
    r = r < 0 ? r : add_each(d, &q->ranges, add_range, err);
    r = r < 0 ? r : add_each(d, &q->gateways, add_gateway, err);
    r = r < 0 ? r : add_each(d, &q->aux, add_aux, err);
    r = r < 0 ? r : finish_pools(d, err);
    return r < 0 ? r : finish_device(d, err);
}

int net_network_draft(const struct net_place *place, const struct net_network_request *request,
                      struct net_network **ret, struct error **err)
{
    CLEANUP(net_settings) struct net_settings settings = {0};
    CLEANUP(net_network) struct net_network *n = xcalloc(1, sizeof(*n));
    struct draft d = {.request = request, .network = n};
    int r = net_name_check(request->name, err);
    r = r < 0 ? r : net_settings_load(place->config_path, &settings, err);
    r = r < 0 ? r : net_network_list(place, &d.others, &d.other_count, err);
    if (r < 0) {
        return r;
    }
    memcpy(d.chosen_from, settings.pools, sizeof(d.chosen_from));
    n->name = xstrdup(request->name);
    n->id = random_hex(32);
    n->created = xmalloc(TIME_TEXT_BYTES);
    time_now_text(n->created);
    n->internal = request->internal;
    n->attachable = request->attachable;
    n->hidden[NET_IPV4] = n->hidden[NET_IPV6] = n->mutual = true;
    n->labels = pairs(&request->labels);
    n->ipam_options = request->ipam_options.count ? pairs(&request->ipam_options) : NULL;
    r = fill(&d, err);
    net_network_list_free(d.others, d.other_count);
    if (r < 0) {
        return error_wrap(err, r, "cannot make network '%s'", request->name);
    }
    *ret = take_ptr(n);
    return 0;
}
