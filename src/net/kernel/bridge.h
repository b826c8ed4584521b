// SPDX-License-Identifier: Apache-2.0
/* The bridge on the host, and that the host forwards. Side effects: kernel links, addresses;
 * sysctls under /proc/sys/net. Spec: man 7 rtnetlink; linux/if_link.h (IFLA_…). */
#pragma once

#include <stdbool.h>

#include "net/kernel/netlink.h"
#include "net/network.h"

/* Is the bridge there, up, with the gateway's address? A few ioctls, so that the common start does
 * no more. */
bool bridge_ready(const struct netlink *route, const struct net_network *n);

/* Makes the bridge or what is missing of it. ERROR_BUSY when a subnet overlaps a route of the host,
 * or the name is another device's. Under a lock: two at once would disturb each other. */
int bridge_make(struct netlink *route, const struct net_network *n, struct error **err) NODISCARD;
/* Removes it; a missing one is success. */
int bridge_remove(struct netlink *route, const struct net_network *n, struct error **err) NODISCARD;

/* Forwarding of the families that the network has, switched on when it is off. */
int bridge_forwarding_on(struct netlink *route, const struct net_network *n,
                         struct error **err) NODISCARD;
