// SPDX-License-Identifier: Apache-2.0
/* Waiting for what a container comes to: woken by the changes of its run folder (inotify), never by
 * time. No side effects. */
#pragma once

#include "engine/container.h"

enum await { AWAIT_RUNNING, AWAIT_HEALTHY, AWAIT_COMPLETED };
/* Until a container whose starting command was killed before it was handed over has gone, or is
 * there for good: it is its monitor's to decide. For at most SETTLE_S seconds. */
#define SETTLE_S 10
void container_settle(const struct engine *e, const char *id);

/* AWAIT_RUNNING: running, and healthy where it has a check. ERROR_BUSY with the reason when it can
 * no longer come to that, or when timeout_s (0: none) is over. */
int container_await(const struct engine *e, const char *id, enum await what, int timeout_s,
                    struct error **err) NODISCARD;
/* That it stays up for `ms`: ERROR_BUSY when it ends, be it started anew, or is unhealthy. */
int container_observe(const struct engine *e, const char *id, int64_t ms,
                      struct error **err) NODISCARD;
