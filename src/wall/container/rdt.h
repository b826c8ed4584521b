// SPDX-License-Identifier: Apache-2.0
/* Intel RDT (resctrl): a group of the cache and memory bandwidth that a workload may use.
 *
 * Side effects: folders and writes below /sys/fs/resctrl. OCI runtime 1.2,
 * config-linux.md#intelrdt; the kernel's filesystems/resctrl. */
#pragma once

#include "base/error.h"

/* Writes the schemata given; NULL: as it is. */
int rdt_update(const char *group, const char *l3, const char *mem_bw, struct error **err) NODISCARD;
/* Removes a group; a missing one is fine. */
void rdt_remove(const char *group);
