// SPDX-License-Identifier: Apache-2.0
/* Between volumes.c (what containers do) and volume_store.c (what users do). */
#pragma once

#include "engine/volumes.h"

/* A volume made whole under a temporary name gets its record and its own; another one of the name,
 * made meanwhile, stays and this one goes. */
int volume_finish(const char *temporary, const char *folder, const json_t *labels,
                  struct error **err) NODISCARD;
/* Removes it half made. Returns `result`. */
int volume_discard(const char *temporary, int result);

/* Removes it, whoever uses it; a missing one is no error. */
int volume_delete(const struct engine *e, const char *name, struct error **err) NODISCARD;
