// SPDX-License-Identifier: Apache-2.0
/* The virtio transport over memory-mapped registers, version 2: one page a device.
 *
 * Called by vCPU threads; takes the device's lock. Accesses that the specification does not know
 * (wrong width, unknown register) read as zero and write nothing. Spec: virtio 1.2 §4.2. */
#pragma once

#include "vmm/devices/virtio.h"

struct virtio_mmio {
    struct virtio_device *device;
    uint32_t features_select, driver_features_select, queue_select;
};

#define MMIO_QUEUE_NOTIFY 0x050 /* where the ioeventfds are */

/* `offset` within the page, `len` of 1, 2, 4 or 8 bytes; little-endian as the guest's. */
void virtio_mmio_read(struct virtio_mmio *m, uint32_t offset, void *to, uint32_t len);
void virtio_mmio_write(struct virtio_mmio *m, uint32_t offset, const void *from, uint32_t len);
