// SPDX-License-Identifier: Apache-2.0
/* A folder that is a layer already, an overlay's upper folder of ours: archived, hashed and
 * compressed, not unpacked again. The folder, <tmp>/NAME/diff, is then moved into the store by
 * layers_commit(). Nothing in it came as an archive from a stranger: it needs no confined process.
 * Side effects: threads (none is left), a file in the store's temporary folder. Any thread. */
#pragma once

#include "image/store/layer.h"

/* `name`: of the folder in the store's temporary one. `newest`: seconds since the epoch, to which
 * later times of change are set, or -1. */
int layer_seal(struct store *s, const char *name, int64_t newest, struct layer *ret,
               struct error **err) NODISCARD;
