// SPDX-License-Identifier: Apache-2.0
/* The back end of vhost-user for one virtio file system: rings of a machine whose monitor (ours or
 * QEMU) is at the other end of a socket.
 *
 * The monitor hands over the guest's memory, the rings' places in it and their event descriptors,
 * then the driver and we share the rings: a request leaves the guest and is answered without the
 * monitor. The monitor is trusted as the one who could read that memory anyway; the guest is not.
 * One thread; ends when the socket does. Spec: QEMU docs/interop/vhost-user.rst. */
#pragma once

#include "vmm/share/fs_session.h"
#include "vmm/vhost_protocol.h"

struct vhost_ring {
    struct virtq queue;
    uint64_t descriptors, avail, used; /* the monitor's addresses */
    uint16_t base;
    int kick, call; /* -1: none */
    bool enabled, has_addresses;
};

struct vhost {
    int socket; /* borrowed */
    uint64_t features;
    struct guest_memory memory;
    uint64_t user_addresses[VHOST_REGIONS_MAX]; /* of memory.regions */
    struct vhost_ring rings[FS_QUEUES];
    struct fs_session *session;
};

/* Serves until the monitor is gone (0), or breaks the protocol or the kernel refuses (-errno). */
int vhost_serve(struct vhost *v, int socket, struct fs_session *session);
