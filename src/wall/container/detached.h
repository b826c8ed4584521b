// SPDX-License-Identifier: Apache-2.0
/* The mounts that a child in a user namespace has not the right to make: made by the parent, with
 * the host's rights, as descriptors that the child attaches.
 *
 * They are made in a mount namespace of their own (an overlay's layers are id-mapped by clones laid
 * over them, which nobody else may see), by a process that shares memory and descriptors with the
 * caller and ends before detached_make() returns. Nothing is left but the descriptors. */
#pragma once

#include "wall/container/step.h"

/* Fills slots[0 … plan->slot_count). user_fd: the workload's user namespace, or -1. On failure none
 * is open. */
int detached_make(const struct plan *plan, int proc_fd, int user_fd, int *slots,
                  struct error **err) NODISCARD;
