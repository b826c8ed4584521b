// SPDX-License-Identifier: Apache-2.0
/* The virtio file system device: its registers are ours, its queues another process's.
 *
 * That process (share/, cloison-fs) has files of the host open, which a locked-in monitor must not;
 * it speaks vhost-user at the other end of a socket. At the start it gets the guest's memory and
 * the queues' event descriptors, when the driver is ready their places. It pulls the interrupt line
 * itself, so the status register says "used buffer" at any time.
 * What it is told after the lock-in is one write(2) each, from a vCPU. Spec: virtio 1.2 §5.11. */
#pragma once

#include "vmm/devices/virtio.h"

#define FS_TAG_BYTES_MAX 36

struct fs_settings {
    int socket;      /* borrowed */
    const char *tag; /* 1 to 36 bytes: what the guest mounts */
};

struct fs_device;
/* The memory must be shared: guest_memory.fd, nothing mapped privately over it. */
int fs_new(const struct fs_settings *settings, const struct guest_memory *memory,
           struct worker *worker, struct fs_device **ret, struct error **err) NODISCARD;
void fs_free(struct fs_device *f);
struct virtio_device *fs_virtio(struct fs_device *f);
