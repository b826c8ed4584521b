// SPDX-License-Identifier: Apache-2.0
/* The virtio balloon: the guest's free memory goes back to the host.
 *
 * Free page reporting gives back what the guest has free, continuously; the balloon proper takes
 * what balloon_set_target() asks for. Spec: virtio 1.2 §5.5. */
#pragma once

#include "vmm/devices/virtio.h"

struct balloon_device;
int balloon_new(const struct guest_memory *memory, struct worker *worker,
                struct balloon_device **ret, struct error **err) NODISCARD;
void balloon_free(struct balloon_device *b);
struct virtio_device *balloon_virtio(struct balloon_device *b);

/* Asks the guest for so many pages of 4 KiB; it gives what it can. Any thread. */
void balloon_set_target(struct balloon_device *b, uint32_t pages);
/* How many bytes came back by reporting and inflating, in all. */
uint64_t balloon_released_bytes(const struct balloon_device *b);
