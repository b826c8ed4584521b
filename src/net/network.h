// SPDX-License-Identifier: Apache-2.0
/* A network as users know it: its driver, its subnets, its device on the host. Pure.
 *
 * Drivers: "bridge" (a switch of the host's, the host as its router), "macvlan" and "ipvlan" (of a
 * device of the host's), "host" and "null" (the two that there always are, without addresses). */
#pragma once

#include <jansson.h>

#include "base/error.h"
#include "base/str.h"
#include "net/address.h"

#define NET_DEVICE_BYTES 16 /* IFNAMSIZ */
#define NET_NAME_MAX 64     /* characters */

enum { NET_IPV4, NET_IPV6, NET_FAMILIES };

/* One subnet and what of it is given to containers. */
struct net_pool {
    struct net_subnet subnet; /* base.family 0: none of this family */
    struct net_subnet range;  /* --ip-range; base.family 0: the whole subnet */
    struct net_address gateway;
    json_t *aux; /* --aux-address: {"name": "address"}, never given; or NULL */
};

struct net_network {
    char *name, *id, *created; /* id: 64 hex digits; created: RFC 3339 */
    char *driver;
    char device[NET_DEVICE_BYTES]; /* the bridge, or the parent of macvlan and ipvlan */
    char *mode;                    /* macvlan: bridge…; ipvlan: l2…; or NULL */
    struct net_pool pools[NET_FAMILIES];
    bool internal, attachable;
    bool hidden[NET_FAMILIES];          /* what goes out has the host's address (masquerading) */
    bool mutual;                        /* its containers reach each other (enable_icc) */
    int mtu;                            /* 0: the kernel's */
    struct net_address publish_address; /* of a -p without one; family 0: all */
    json_t *labels, *options, *ipam_options; /* objects of strings, as given; or NULL */
    char *prefix;                            /* of a container's interfaces; NULL: "eth" */
};
void net_network_free(struct net_network *n);
DEFINE_CLEANUP(net_network, struct net_network *, net_network_free)

json_t *net_network_to_json(const struct net_network *n);
/* ERROR_CORRUPT or ERROR_INVALID_INPUT name `where`. */
int net_network_from_json(const json_t *json, const char *where, struct net_network **ret,
                          struct error **err) NODISCARD;
struct net_network *net_network_copy(const struct net_network *n);

bool net_network_is_bridge(const struct net_network *n);
static inline bool net_network_has(const struct net_network *n, int family)
{
    return n->pools[family].subnet.base.family != 0;
}
/* Its router's address: the IPv4 one, if it has that family. */
static inline const struct net_address *net_network_gateway(const struct net_network *n)
{
    return &n->pools[net_network_has(n, NET_IPV4) ? NET_IPV4 : NET_IPV6].gateway;
}
/* The first and last number (net/address.h) that a container may have; the gateway and the aux
 * addresses lie between. */
uint64_t net_pool_first(const struct net_pool *p);
uint64_t net_pool_last(const struct net_pool *p);
/* Is it the gateway's, the host's own (macvlan), or kept by --aux-address? */
bool net_pool_is_kept(const struct net_pool *p, const struct net_address *a);

/* [a-zA-Z0-9][a-zA-Z0-9_.-]*, at most NET_NAME_MAX. ERROR_USAGE. */
int net_name_check(const char *name, struct error **err) NODISCARD;
/* A device's name that the kernel takes. */
bool net_device_name_valid(const char *name);
/* What a subnet may be for this family: /8 to /30, IPv6 /8 to /126. */
bool net_subnet_usable(const struct net_subnet *s);
