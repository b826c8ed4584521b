// SPDX-License-Identifier: Apache-2.0
/* A workload's ends: pairs of devices of which one end is in a bridge, or devices made of one of
 * the host's (macvlan, ipvlan). Side effects: kernel links, addresses and routes.
 * Spec: man 7 rtnetlink; linux/if_link.h (IFLA_…), linux/veth.h. */
#pragma once

#include <stdbool.h>

#include "net/kernel/netlink.h"
#include "net/record.h"

/* Makes the ends in one batch: the host's up and in the bridge, the others born in the namespace.
 */
int link_make(struct netlink *route, const struct net_endpoint *ends, size_t count, int netns,
              struct error **err) NODISCARD;
/* Removes them by the host's end; missing ones are success. */
int link_remove(struct netlink *route, const struct net_endpoint *ends, size_t count,
                struct error **err) NODISCARD;

/* Moves this process into the namespace for good, and sets these ends of the attachment up:
 * loopback, addresses, the default routes that are theirs. */
int link_configure_inside(const struct net_attachment *a, const struct net_endpoint *ends,
                          size_t count, int netns, struct error **err) NODISCARD;
/* Likewise, for an end that goes: it is removed, and what is left has the default routes. */
int link_leave_inside(const struct net_attachment *a, const struct net_endpoint *end, int netns,
                      struct error **err) NODISCARD;

/* Can this kernel make the network's kind of device of its parent? It is made and removed. */
int link_try(struct netlink *route, const struct net_network *n, struct error **err) NODISCARD;
