// SPDX-License-Identifier: Apache-2.0
/* One replica replaced without loss: the new one is started beside the old one and waited for, then
 * takes its name and is watched for `monitor`; the old one gets no new requests from the balancer,
 * finishes those that it has, and is stopped. Should the new one not come up or not stay up, it
 * goes and nothing has changed.
 *
 * With `failure_action: rollback` old ones are kept, stopped, until all replicas of the service are
 * replaced; op_restore() brings one back.
 *
 * A container on its way out is called "<first 12 digits of its ID>_<name>": what the balancer
 * leaves out, and what a later `up` removes. */
#pragma once

#include "compose/ops.h"

/* crew tasks' functions */
int op_roll(const void *operation, struct error **err);
int op_restore(const void *operation, struct error **err); /* `old` in place of what has its name */
int op_discard(const void *operation, struct error **err); /* an old one that was kept */
/* Whether the service's replicas are replaced so: it is behind the balancer or asks for
 * start-first, and its old and new container can be there at once. */
bool service_rolls(const struct node *service);
/* Whether one that replaces another is waited for and watched though the old one is gone by then:
 * the file says what happens if it fails. */
bool service_is_watched(const struct node *service);
/* How many at once; 0: all. `back`: of a rollback. */
int roll_parallelism(const struct node *service, bool back);
/* What becomes of the other replicas when one fails. */
enum roll_failure { ROLL_PAUSES, ROLL_CONTINUES, ROLL_BACK };
enum roll_failure roll_failure(const struct node *service, bool back);
/* Until the container with this ID is ready, and for `monitor` on. */
int roll_watch(const struct operation *o, const char *id, struct error **err) NODISCARD;

bool container_is_leaving(const struct container *c);
/* Gives it that name. */
int container_let_leave(const struct engine *e, const struct container *c,
                        struct error **err) NODISCARD;
