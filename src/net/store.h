// SPDX-License-Identifier: Apache-2.0
/* The networks that were made, as files: <data_dir>/networks/<name>.json, each written whole to a
 * temporary name and given its own by link(2), so that a name is taken once and a half-written one
 * cannot exist. 'bridge' is the config file's; 'host' and 'none' there always are.
 *
 * What the kernel holds of a network (the bridge) is made by the program cloison-net, here when the
 * network is made, and again by whoever attaches to it and finds it missing. All changes hold the
 * lock of net/lease.h. */
#pragma once

#include "net/net.h"
#include "net/network.h"

/* By name, full ID or unique prefix of it. ERROR_NOT_FOUND "no such network: x", or ambiguous. */
int net_network_find(const struct net_place *place, const char *name, struct net_network **ret,
                     struct error **err) NODISCARD;

/* Every network, those that there always are too, sorted by name. Free each and the array. */
int net_network_list(const struct net_place *place, struct net_network ***ret, size_t *ret_count,
                     struct error **err) NODISCARD;
void net_network_list_free(struct net_network **list, size_t count);

/* The network that these words ask for, whole: ID, device, subnets and gateways are chosen where
 * they were not given. Reads the store. */
struct net_network_request {
    const char *name, *driver; /* driver: NULL: bridge */
    struct strv subnets, gateways, ranges, aux, options, labels, ipam_options;
    bool internal, attachable, ipv6, no_ipv4;
};
int net_network_draft(const struct net_place *place, const struct net_network_request *request,
                      struct net_network **ret, struct error **err) NODISCARD;
/* Makes it: draft, file, bridge. On failure nothing of it stays. ERROR_EXISTS. */
int net_network_create(const struct net_place *place, const struct net_network_request *request,
                       struct net_network **ret, struct error **err) NODISCARD;
/* ERROR_BUSY while containers are attached; ERROR_DENIED for those that there always are. */
int net_network_remove(const struct net_place *place, const char *name,
                       struct error **err) NODISCARD;

/* Was it made by a user? */
bool net_network_is_made(const struct net_network *n);

/* Makes the tables and the bridges again, and the ports of all that is attached: after somebody has
 * flushed the host's firewall. */
int net_reload(const struct net_place *place, struct error **err) NODISCARD;
