// SPDX-License-Identifier: Apache-2.0
/* The layers of one image, several at a time. Side effects: threads (none is left), network, files
 * in the store's temporary folder. */
#pragma once

#include "image/registry/registry.h"
#include "image/store/layer.h"
#include "image/store/manifest.h"

/* Reads what the store lacks: 1, or 0 when it lacks nothing. The caller ends each of
 * ret_layers[0..m->layer_count). */
int pull_layers(struct store *s, struct registry *r, const struct manifest *m,
                const struct strv *diff_ids, const struct unpack_limits *limits, bool quiet,
                struct layer *ret_layers, struct error **err) NODISCARD;
