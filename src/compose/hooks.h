// SPDX-License-Identifier: Apache-2.0
/* post_start and pre_stop: commands in a service's container. compose-spec 05-services.md. Side
 * effects: processes, of the program `cloison exec`, which end with the call. */
#pragma once

#include "base/yaml/node.h"
#include "engine/container.h"

/* `hooks` is the list, or NULL. */
int hooks_run(const struct engine *e, const char *cloison, const struct node *hooks,
              const char *container, struct error **err) NODISCARD;
