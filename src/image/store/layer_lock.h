// SPDX-License-Identifier: Apache-2.0
/* Who makes a layer: a lock for each layer that is not in the store yet, so that what several
 * commands want at once is fetched and unpacked once. Held from before the first byte is read until
 * the layer has its name.
 *
 * Whoever waits for a layer has given all layers their names that it can: those whose parents are
 * there. So each waits for a layer that lies lower in its own image than all that it still holds,
 * and nobody waits in a circle. Side effects: a file below tmp/. Any thread. */
#pragma once

#include "image/store/store.h"

/* An fd, or -EWOULDBLOCK (NULL *err) with `wait` false while another command makes the layer. A
 * signal ends the waiting. */
int layer_lock(struct store *s, const char *chain_id, bool wait, struct error **err) NODISCARD;
/* -1 is fine. */
void layer_unlock(struct store *s, const char *chain_id, int lock);
