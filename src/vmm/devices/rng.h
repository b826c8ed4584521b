// SPDX-License-Identifier: Apache-2.0
/* The virtio entropy device: fills what it is given from the host's getrandom(2).
 * Spec: virtio 1.2 §5.4. */
#pragma once

#include "vmm/devices/virtio.h"

struct rng_device;
int rng_new(const struct guest_memory *memory, struct worker *worker, struct rng_device **ret,
            struct error **err) NODISCARD;
void rng_free(struct rng_device *r);
struct virtio_device *rng_virtio(struct rng_device *r);
