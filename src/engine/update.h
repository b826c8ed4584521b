// SPDX-License-Identifier: Apache-2.0
/* Changing the limits and the restart policy of a container, running or not.
 *
 * Side effects: the limits of a running workload, then its config.json and container.json, so that
 * the next start has them too. Holds the container's lock. */
#pragma once

#include "engine/container.h"
#include "spec/request.h"

/* Only the limits and `restart` of `request` are looked at. A limit that the host refuses changes
 * nothing in the store. */
int engine_update(const struct engine *e, const char *name, const struct run_request *request,
                  struct error **err) NODISCARD;
