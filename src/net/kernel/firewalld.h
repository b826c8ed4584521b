// SPDX-License-Identifier: Apache-2.0
/* Bridges in firewalld's zones. A host with firewalld drops what a container sends, but for what is
 * answered or published, until its bridge is in a zone that lets it: see net/firewalld/main.c. Side
 * effects: a short process, which asks firewalld. */
#pragma once

#include "net/kernel/netlink.h"
#include "net/network.h"

/* Is firewalld not there, or the bridge in a zone? True also when the kernel cannot say. */
bool firewalld_ready(struct netlink *nf, const struct net_network *n);
int firewalld_add(const struct net_network *n, struct error **err) NODISCARD;
/* Where it is in one; a firewalld that is gone is success. */
int firewalld_remove(struct netlink *nf, const struct net_network *n, struct error **err) NODISCARD;
