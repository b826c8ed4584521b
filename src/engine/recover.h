// SPDX-License-Identifier: Apache-2.0
/* Cleaning up behind commands and monitors that were killed. Side effects: kills leftover workloads
 * (through their wall), detaches networks, removes half-made objects from the store. Any process;
 * safe beside others doing the same: each object's lock is taken first. */
#pragma once

#include "engine/container.h"

/* Removes folders without container.json that nobody holds, and the names that are nobody's. */
void container_sweep(const struct engine *e);

/* For a container whose status is CONTAINER_DEAD, or that has leftovers of a start cut short: kills
 * and deletes the workload, detaches the network, writes exit.json (137, "its monitor was killed"),
 * removes it wholly when it was --rm or never handed to its user. The caller holds no lock.
 * Returns 0; *ret_gone tells whether the container is no more. */
int container_recover(const struct engine *e, const struct container *c, bool *ret_gone,
                      struct error **err) NODISCARD;
/* The same for a caller that holds the container's lock. */
int container_recover_locked(const struct engine *e, const struct container *c, bool *ret_gone,
                             struct error **err) NODISCARD;

/* Every dead container, as far as that can be done. */
void container_recover_all(const struct engine *e);

/* container_find(), recovering first what needs it. */
int container_find_recovered(const struct engine *e, const char *name, struct container **ret,
                             struct error **err) NODISCARD;

/* Takes a stopped container away wholly: its anonymous volumes when `volumes`, then its files and
 * its name, and says so in the events. The caller holds its lock. */
int container_dispose(const struct engine *e, const struct container *c, bool volumes,
                      struct error **err) NODISCARD;
