// SPDX-License-Identifier: Apache-2.0
/* Living beside a firewall that drops what is forwarded: Docker and ufw set the policy of iptables'
 * FORWARD chain (tables ip and ip6 filter, as iptables-nft writes them) to drop, and no rule in a
 * table of our own can overrule that. Then two rules that accept what our bridge sends and receives
 * are put in front of DOCKER-USER, the chain that Docker leaves to others, or of FORWARD where
 * there is none. What reaches a container is still decided by our own table. Firewalls written in
 * other tables are their owner's to open.
 *
 * Side effects: these two rules, known by their comment. */
#pragma once

#include <stdbool.h>

#include "net/kernel/netlink.h"
#include "net/network.h"

/* Are the rules where they are needed, or nobody drops? One question when nobody does. */
bool forward_ready(struct netlink *nf, const struct net_network *n);
/* Puts the rules where they are needed and absent. Under a lock. */
int forward_open(struct netlink *nf, const struct net_network *n, struct error **err) NODISCARD;
/* Removes them; missing ones are success. */
int forward_close(struct netlink *nf, const struct net_network *n, struct error **err) NODISCARD;
