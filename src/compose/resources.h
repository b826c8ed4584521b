// SPDX-License-Identifier: Apache-2.0
/* The networks and volumes of a project: made when absent, labelled as Docker Compose does, removed
 * by their labels. Side effects: those of net/store.h and engine/volumes.h. */
#pragma once

#include "compose/load.h"
#include "engine/container.h"

/* Told of each that was made or removed: "Network shop_default", "Created". */
typedef void resource_teller(void *context, const char *what, const char *name, const char *word);

struct resource_work {
    const struct engine *engine;
    resource_teller *tell;
    void *context;
};
/* All that the model names. ERROR_NOT_FOUND: an external one is missing. */
int resources_create(const struct resource_work *w, const struct project *p,
                     struct error **err) NODISCARD;
int networks_remove(const struct resource_work *w, const char *project,
                    struct error **err) NODISCARD;
int volumes_remove(const struct resource_work *w, const char *project,
                   struct error **err) NODISCARD;
