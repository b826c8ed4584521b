// SPDX-License-Identifier: Apache-2.0
/* One replica replaced without loss: the new one is started beside the old one and waited for, then
 * takes its name; the old one gets no new requests from the balancer, finishes those that it has,
 * and is stopped. Should the new one not come up, it goes and nothing has changed.
 *
 * A container on its way out is called "<first 12 digits of its ID>_<name>": what the balancer
 * leaves out, and what a later `up` removes. */
#pragma once

#include "compose/ops.h"

int op_roll(const void *operation, struct error **err); /* a crew task's function */
/* Whether the service's replicas are replaced so: it is behind the balancer or asks for
 * start-first, and its old and new container can be there at once. */
bool service_rolls(const struct node *service);
/* How many at once; 0: all. */
int roll_parallelism(const struct node *service);

bool container_is_leaving(const struct container *c);
/* Gives it that name. */
int container_let_leave(const struct engine *e, const struct container *c,
                        struct error **err) NODISCARD;
