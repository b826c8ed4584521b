// SPDX-License-Identifier: Apache-2.0
/* Our one nftables table (family inet): who may go out, and which host ports lead where. The rules
 * are fixed; a network or a port is an element of a set or a map, so that no chain is ever rebuilt
 * while it works.
 *     set bridges   our bridges                    map ports      proto . port           : to
 *     set same      bridge . same bridge           map ports_at   proto . address . port : to
 *     set loops     (bridge or "") . bridge        map ports6     the same two for IPv6
 *     set hidden    bridges whose IPv4 leaves      map ports6_at
 *     set hidden6   with the host's address        set internal   bridges that lead nowhere
 *     set gateways, gateways6                      set services   what those ask of their gateway
 * Other programs' tables are never touched. When the host's firewall has flushed ours, the next
 * attachment finds that by one question and makes it again, from the records of all that is
 * attached.
 * Side effects: that table. Spec: man 8 nft, linux/netfilter/nf_tables.h. */
#pragma once

#include <stdbool.h>

#include "net/kernel/netlink.h"
#include "net/record.h"

/* Is the table whole, with the bridges of the attachment in it? False also when the kernel cannot
 * say. attachment NULL: the table alone. */
bool table_ready(struct netlink *nf, const char *table, const struct net_attachment *a);

/* Makes the table from nothing, in place of one that is there, with these records' bridges and
 * ports: one transaction. Under a lock. */
int table_make(struct netlink *nf, const char *table, struct net_record *const *records,
               size_t count, struct error **err) NODISCARD;
/* A bridge in a table that is whole; one that is in it is well. */
int table_add_bridge(struct netlink *nf, const char *table, const struct net_network *n,
                     struct error **err) NODISCARD;
/* Missing ones, the table too, are success. */
int table_remove_bridge(struct netlink *nf, const char *table, const struct net_network *n,
                        struct error **err) NODISCARD;

/* Adds the ports of an attachment. -EEXIST, -EBUSY or -ENOENT: the table is not what it should be,
 * make it again. */
int table_add_ports(struct netlink *nf, const struct net_record *record,
                    struct error **err) NODISCARD;
/* Begins and fills the batch that removes them; one that is missing fails it whole. */
void table_put_withdrawal(struct batch *ret, const struct net_record *record);
/* Removes them; missing ones, the table too, are success. */
int table_remove_ports(struct netlink *nf, const struct net_record *record,
                       struct error **err) NODISCARD;

/* In a container's own namespace: what it sends to NET_NAMES_INSIDE, port 53, goes to these ports
 * there, so that its own programs can have that one. In place of a table that is there. */
int table_make_inside(struct netlink *nf, const char *table, uint16_t udp_port, uint16_t tcp_port,
                      struct error **err) NODISCARD;

/* Removes the table; a missing one is success. */
int table_remove(struct netlink *nf, const char *table, struct error **err) NODISCARD;
