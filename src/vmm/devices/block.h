// SPDX-License-Identifier: Apache-2.0
/* The virtio block device over a raw file or block device.
 *
 * Requests are read, written, flushed and discarded by the worker itself, in order; but a direction
 * that has used its rate up waits apart, and the other goes on. The file's size
 * when the device is made is the disk's. Spec: virtio 1.2 §5.2. */
#pragma once

#include "vmm/devices/limiter.h"

struct block_settings {
    int fd; /* borrowed; opened for reading, or for both */
    bool read_only;
    const char *serial;           /* at most 20 bytes; NULL: none */
    struct limiter *read, *write; /* borrowed; NULL: none */
};

struct block_device;
int block_new(const struct block_settings *settings, const struct guest_memory *memory,
              struct worker *worker, struct block_device **ret, struct error **err) NODISCARD;
void block_free(struct block_device *b);
struct virtio_device *block_virtio(struct block_device *b);
