// SPDX-License-Identifier: Apache-2.0
/* Withdrawing published ports without a process: cloison-net wrote the message when it published
 * them. Side effects: elements of the nf_tables table go. Spec: man 7 netlink. */
#pragma once

#include "net/net.h"

/* Sends the attachment's withdrawal. A negative errno: nothing of it was done; the helper knows
 * what to do. Under the lock of the table. */
int net_withdraw(const struct net_attachment *a) NODISCARD;
