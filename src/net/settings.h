// SPDX-License-Identifier: Apache-2.0
/* What the config file says of the network, with defaults:
 *     "network": {"bridge": "cloison0", "subnet": "172.30.0.0/16", "gateway": "172.30.0.1",
 *                 "subnet6": none, "gateway6": none, "table": "cloison",
 *                 "pool": "10.201.0.0/16", "pool6": a /48 of this machine's own}
 * The first five describe the network 'bridge'; networks made without --subnet get a /24 of `pool`
 * and a /64 of `pool6`. Two run folders on one machine need two configs that share none of these.
 * Reads the config file, and /etc/machine-id; no other side effect. */
#pragma once

#include "net/network.h"

#define NET_TABLE_BYTES 64 /* the kernel's limit is 256 */

struct net_settings {
    char table[NET_TABLE_BYTES];
    struct net_network *bridge;
    struct net_subnet pools[NET_FAMILIES];
};
void net_settings_done(struct net_settings *s);
static inline void net_settings_cleanup(struct net_settings *s)
{
    net_settings_done(s);
}

/* A missing file, NULL as path too, gives the defaults. ERROR_INVALID_INPUT names the file and the
 * key. Into a zeroed one; the caller calls net_settings_done(). */
int net_settings_load(const char *config_path, struct net_settings *ret,
                      struct error **err) NODISCARD;
int net_settings_from_json(const json_t *json, const char *where, struct net_settings *ret,
                           struct error **err) NODISCARD;

/* The ID of a network that there always is: 64 hex digits made from its name. */
void net_fixed_id(const char *name, char id[65]);
