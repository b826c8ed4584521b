// SPDX-License-Identifier: Apache-2.0
/* Making the kernel forget connections that a change of published ports has made wrong. TCP ends by
 * itself; a UDP "connection" lives as long as its client sends, so that a resolver or a game that
 * talked to the host's port before it was published, or to the container that had it last, would
 * never reach the new one.
 *
 * Side effects: entries of the connection table. Spec: linux/netfilter/nfnetlink_conntrack.h. */
#pragma once

#include "net/kernel/netlink.h"
#include "net/record.h"

/* Forgets what was sent to this host at the attachment's UDP ports. A kernel that cannot filter its
 * answer (before 5.8), or has no such interface, is left alone: those entries then time out. */
void conntrack_forget(struct netlink *nf, const struct net_record *record);
