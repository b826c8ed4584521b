// SPDX-License-Identifier: Apache-2.0
/* Addresses for a container: those asked for, or the next in turn. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "net/client.h"
#include "net/store.h"

#define INTERFACES_MAX 64

/* What was asked for, or family 0; refused when the network cannot have it. */
static int wanted_address(const struct net_network *n, int family, const char *text,
                          struct net_address *ret, struct error **err)
{
    const struct net_pool *p = &n->pools[family];
    char subnet[NET_SUBNET_BYTES];
    *ret = (struct net_address){0};
    if (!text) {
        return 0;
    }
    if (net_address_parse(text, ret) < 0) {
        return error_set(err, ERROR_USAGE, EINVAL, "invalid address '%s'", text);
    }
    if (!net_network_has(n, family)) {
        return error_set(err, ERROR_USAGE, EINVAL, "address %s: network '%s' has no IPv%d", text,
                         n->name, family == NET_IPV6 ? 6 : 4);
    }
    net_subnet_text(&p->subnet, subnet);
    uint64_t number = net_subnet_number(&p->subnet, ret);
    if (!net_subnet_has(&p->subnet, ret) || number == 0 ||
        (family == NET_IPV4 && number == net_subnet_last(&p->subnet))) {
        return error_set(err, ERROR_USAGE, EINVAL, "address %s is not in network '%s' (%s)", text,
                         n->name, subnet);
    }
    if (net_address_equal(ret, &p->gateway)) {
        return error_set(err, ERROR_BUSY, EADDRINUSE, "address %s is the gateway's", text);
    }
    if (net_pool_is_kept(p, ret)) {
        return error_set(err, ERROR_BUSY, EADDRINUSE, "address %s is kept by --aux-address", text);
    }
    return 0;
}

/* What it had when it last ran, or family 0: a container that is started again is where it was,
 * unless somebody else is there by now. */
static struct net_address last_time(const struct reservation *v, const struct net_network *n,
                                    int family)
{
    const json_t *both = json_object_get(v->before, n->id);
    const char *text = json_string_value(json_array_get(both, (size_t)family));
    struct net_address a = {0}, none = {0};
    const struct net_pool *p = &n->pools[family];
    if (!text || net_address_parse(text, &a) < 0 || !net_subnet_has(&p->subnet, &a) ||
        net_pool_is_kept(p, &a)) {
        return none;
    }
    uint64_t number = net_subnet_number(&p->subnet, &a);
    return number >= net_pool_first(p) && number <= net_pool_last(p) ? a : none;
}

static int find_address(const struct reservation *v, const struct net_network *n, int family,
                        const struct net_address *wanted, struct net_address *ret,
                        struct error **err)
{
    char holder[LEASE_HOLDER_BYTES], text[NET_ADDRESS_BYTES];
    const struct net_place *place = &v->request->place;
    const struct net_pool *p = &n->pools[family];
    struct net_address before = wanted->family ? *wanted : last_time(v, n, family);
    int r = lease_find_address(v->leases, n->id, p, &before, ret, holder);
    if (r == -EADDRINUSE && !wanted->family) {
        r = lease_find_address(v->leases, n->id, p, wanted, ret, holder);
    }
    if ((r == -EADDRINUSE && client_take_back(place->run_dir, v->leases, holder)) ||
        (r == -ENOSPC && client_take_back_all(place->run_dir, v->leases))) {
        r = lease_find_address(v->leases, n->id, p, wanted, ret, holder);
    }
    if (r == -EADDRINUSE) {
        CLEANUP(free) char *who = client_holder_name(place, holder);
        net_address_text(wanted, text);
        return error_set(err, ERROR_BUSY, EADDRINUSE, "address %s is already in use by %s", text,
                         who);
    }
    if (r < 0) {
        r = error_set(err, ERROR_BUSY, ENOSPC, "network '%s' has no free address left", n->name);
        return error_hint(err, r,
                          net_network_is_made(n)
                              ? "make one with a larger --subnet"
                              : "give it a larger \"subnet\" in the config file");
    }
    return 0;
}

/* As Docker's: a local address made from the IPv4 one, so that the two never disagree in anyone's
 * neighbour table; else from the IPv6 one's last bytes. */
static char *derived_mac(const struct net_endpoint *e)
{
    bool ipv4 = e->addresses[NET_IPV4].family;
    const uint8_t *a = ipv4 ? e->addresses[NET_IPV4].bytes : e->addresses[NET_IPV6].bytes + 12;
    return str_format("02:42:%02x:%02x:%02x:%02x", a[0], a[1], a[2], a[3]);
}

char *client_host_interface(void)
{
    CLEANUP(free) char *random = random_hex(5);
    return str_format("veth%s", random);
}

static bool interface_taken(const struct net_attachment *a, const char *name)
{
    bool taken = false;
    for (size_t i = 0; i < a->count; i++) {
        taken |= str_equal(a->endpoints[i].interface, name);
    }
    return taken;
}

/* The first eth<N> that none of the others has; or another word of the network's. */
static char *free_interface(const struct net_attachment *a, const char *prefix)
{
    for (int n = 0; n < INTERFACES_MAX; n++) {
        CLEANUP(free) char *name = str_format("%s%d", str_or(prefix, "eth"), n);
        if (!interface_taken(a, name)) {
            return take_ptr(name);
        }
    }
    return NULL;
}

static int find_network(const struct reservation *v, const struct net_choice *c,
                        struct net_network **ret, struct error **err)
{
    int r = net_network_find(&v->request->place, c->network, ret, err);
    if (r < 0) {
        return r;
    }
    if (str_equal((*ret)->driver, "host") || str_equal((*ret)->driver, "null")) {
        return error_set(err, ERROR_USAGE, EINVAL,
                         "network '%s' cannot be one of several, nor joined later", (*ret)->name);
    }
    if (net_attachment_find(v->attachment, (*ret)->id)) {
        return error_set(err, ERROR_EXISTS, EEXIST, "the container is in network '%s' already",
                         (*ret)->name);
    }
    return 0;
}

/* The addresses of both families. */
static int find_addresses(const struct reservation *v, const struct net_choice *c,
                          const struct net_network *n, struct net_endpoint *e, struct error **err)
{
    const char *const asked[] = {[NET_IPV4] = c->ip, [NET_IPV6] = c->ip6};
    int r = 0;
    for (int f = 0; f < NET_FAMILIES && r >= 0; f++) {
        struct net_address wanted;
        r = wanted_address(n, f, asked[f], &wanted, err);
        if (r >= 0 && net_network_has(n, f)) {
            r = find_address(v, n, f, &wanted, &e->addresses[f], err);
        }
    }
    return r;
}

int client_add_endpoint(const struct reservation *v, const struct net_choice *choice,
                        struct error **err)
{
    struct net_attachment *a = v->attachment;
    CLEANUP(net_network) struct net_network *n = NULL;
    struct net_endpoint e = {0};
    int r = net_choice_check(choice, err);
    r = r < 0 ? r : find_network(v, choice, &n, err);
    r = r < 0 ? r : find_addresses(v, choice, n, &e, err);
    if (r < 0) {
        return r;
    }
    e.interface = choice->interface ? xstrdup(choice->interface) : free_interface(a, n->prefix);
    if (e.interface && interface_taken(a, e.interface)) {
        r = error_set(err, ERROR_USAGE, EINVAL, "two interfaces of the container are called '%s'",
                      e.interface);
        free(e.interface);
        return r;
    }
    if (!e.interface) {
        return error_set(err, ERROR_BUSY, ENOSPC, "a container has at most %d networks",
                         INTERFACES_MAX);
    }
    bool pair = net_network_is_bridge(n), own_mac = !str_equal(n->driver, "ipvlan");
    e.host_interface = pair ? client_host_interface() : NULL;
    e.mac_address = choice->mac_address && own_mac ? xstrdup(choice->mac_address)
                    : own_mac                      ? derived_mac(&e)
                                                   : NULL;
    strv_add_all(&e.aliases, choice->aliases.items);
    strv_add_all(&e.links, choice->links.items);
    e.exit_priority = choice->exit_priority;
    e.network = take_ptr(n);
    a->endpoints = xrealloc(a->endpoints, (a->count + 1) * sizeof(*a->endpoints));
    a->endpoints[a->count++] = e;
    return 0;
}
