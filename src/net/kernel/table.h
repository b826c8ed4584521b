// SPDX-License-Identifier: Apache-2.0
/* Our one nftables table (family inet): who may go out, and which host ports lead where. The rules
 * are fixed; a network or a port is an element of a set or a map, so that no chain is ever rebuilt
 * while it works.
 *     set bridges   our bridges            map ports     proto . port           : address . port
 *     set same      bridge . same bridge   map ports_at  proto . address . port : address . port
 *     set loops     (bridge or "") . bridge
 * Other programs' tables are never touched. When the host's firewall has flushed ours, the next
 * attachment finds that by one question and makes it again, from the records of all that is
 * attached.
 * Side effects: that table. Spec: man 8 nft, linux/netfilter/nf_tables.h. */
#pragma once

#include <stdbool.h>

#include "net/kernel/netlink.h"
#include "net/record.h"

/* Is the table whole, with this bridge in it? False also when the kernel cannot say. */
bool table_ready(struct netlink *nf, const struct net_settings *s);

/* Makes the table from nothing, in place of one that is there, with these attachments' ports: one
 * transaction. Under a lock. */
int table_make(struct netlink *nf, const struct net_settings *s, struct net_record *const *records,
               size_t count, struct error **err) NODISCARD;

/* Adds the ports of an attachment. -EEXIST, -EBUSY or -ENOENT: the table is not what it should be,
 * make it again. */
int table_add_ports(struct netlink *nf, const struct net_record *record,
                    struct error **err) NODISCARD;
/* Removes them; missing ones, the table too, are success. */
int table_remove_ports(struct netlink *nf, const struct net_record *record,
                       struct error **err) NODISCARD;

/* Removes the table; a missing one is success. */
int table_remove(struct netlink *nf, const struct net_settings *s, struct error **err) NODISCARD;
