// SPDX-License-Identifier: Apache-2.0
/* The rtnetlink messages that bridges and ends have in common. Each is added to a batch; nothing is
 * sent. Spec: man 7 rtnetlink. */
#pragma once

#include "net/kernel/netlink.h"
#include "net/network.h"

/* An ioctl by name; 0: no such device. */
int message_index_of(const struct netlink *route, const char *name);

/* The header of a link message: flags are set, none cleared. */
void message_put_link(struct nlmsghdr *m, int index, unsigned flags);
void message_put_mac(struct nlmsghdr *m, uint16_t type, const char *text); /* NULL: none */
void message_add_up(struct batch *b, int index, const char *what);
/* Usable at once: nobody else can have it (no duplicate address detection). */
void message_add_address(struct batch *b, int index, const struct net_address *a, int prefix,
                         const char *what);
void message_add_remove_link(struct batch *b, const char *name, const char *what);
