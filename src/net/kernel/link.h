// SPDX-License-Identifier: Apache-2.0
/* The bridge on the host, and the pair of devices that joins a workload to it. Side effects: kernel
 * links, addresses and routes; sysctls under /proc/sys/net/ipv4. Spec: man 7 rtnetlink;
 * linux/if_link.h (IFLA_…), linux/veth.h. */
#pragma once

#include <stdbool.h>

#include "net/kernel/netlink.h"
#include "net/record.h"

/* Is the bridge there, up, with the gateway's address? A few ioctls, so that the common start does
 * no more. Its index in *ret_index then. */
bool link_bridge_ready(const struct netlink *route, const struct net_settings *s, int *ret_index);

/* Makes the bridge or what is missing of it. ERROR_BUSY when the subnet overlaps a route of the
 * host, or the name is another device's. Under a lock: two at once would disturb each other. */
int link_bridge_make(struct netlink *route, const struct net_settings *s, int *ret_index,
                     struct error **err) NODISCARD;
/* Removes it; a missing one is success. */
int link_bridge_remove(struct netlink *route, const struct net_settings *s,
                       struct error **err) NODISCARD;

/* IPv4 forwarding, switched on when it is off. */
int link_forwarding_on(struct error **err) NODISCARD;

/* Makes the pair in one message: the host's end up and in the bridge, the other born in the
 * namespace. */
int link_pair_make(struct netlink *route, const struct net_attachment *a, int bridge, int netns,
                   struct error **err) NODISCARD;
/* Removes the pair by the host's end; a missing one is success. */
int link_pair_remove(struct netlink *route, const struct net_attachment *a,
                     struct error **err) NODISCARD;

/* Moves this process into the namespace for good and sets the workload's end up: loopback, address,
 * default route. */
int link_configure_inside(const struct net_attachment *a, int netns, struct error **err) NODISCARD;
