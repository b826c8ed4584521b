// SPDX-License-Identifier: Apache-2.0
/* A container's root file system, to be looked at and changed from outside: that of its process
 * while it runs, else its layers mounted for us alone (detached: no other process sees the mount,
 * and it goes with the last descriptor). Paths below it are opened by open_in_root(): what the
 * workload writes leads nowhere else. Side effects: a detached mount. */
#pragma once

#include "engine/container.h"

/* The root as a folder's descriptor. `write`: to be changed. */
int rootfs_open(const struct engine *e, const struct container *c, bool write,
                struct error **err) NODISCARD;
/* Whether the workload itself has to serve its files: it cannot stand still meanwhile. */
bool rootfs_is_served(const struct container *c);
/* The image's part alone, below what the container has written. */
int rootfs_open_image(const struct container *c, struct error **err) NODISCARD;
/* What the container has written: overlay's upper folder. */
int rootfs_open_upper(const struct engine *e, const struct container *c,
                      struct error **err) NODISCARD;
