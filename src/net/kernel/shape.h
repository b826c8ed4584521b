// SPDX-License-Identifier: Apache-2.0
/* The rate of a container: what its pairs carry goes through two queues of its own (ifb devices on
 * the host), one for what comes in and one for what goes out, so that several networks share one
 * limit. A queue is a token bucket (tbf) with fq_codel in it where the kernel has that, so that a
 * greedy connection does not delay the others.
 *
 * Rates count IP packets of the device's full size: at 10mbit a TCP connection carries 9.65.
 *
 * Side effects: two links, queues on them, filters on the pairs. Spec: man 8 tc, tc-tbf, tc-mirred;
 * Documentation/networking/tc-actions-env-rules.rst. */
#pragma once

#include "net/kernel/netlink.h"
#include "net/record.h"

/* Makes the kernel follow attachment->rate: queues made, changed or removed; the filters of all
 * ends. `before`: what may be there is looked for (a change); false for a container that starts. */
int shape_apply(struct netlink *route, const char *id, const struct net_attachment *a, bool before,
                struct error **err) NODISCARD;
/* One more end of a container that has a rate. */
int shape_add_end(struct netlink *route, const char *id, const struct net_attachment *a,
                  const struct net_endpoint *e, struct error **err) NODISCARD;
/* Removes the queues; missing ones are success. The filters go with the pairs. */
int shape_remove(struct netlink *route, const char *id, struct error **err) NODISCARD;
