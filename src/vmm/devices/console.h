// SPDX-License-Identifier: Apache-2.0
/* The virtio console with ports: byte streams between the guest and descriptors of ours.
 *
 * Each port has a descriptor that the guest's output goes to and one that its input comes from
 * (they may be one socket). Both are made non-blocking: they must be nobody else's. Back-pressure
 * goes through: a full pipe leaves the guest's buffers unreturned, an unready guest leaves the
 * pipe unread. A port whose one socket was hung up is closed towards the guest.
 * Spec: virtio 1.2 §5.3. */
#pragma once

#include "vmm/devices/virtio.h"

#define CONSOLE_PORTS_MAX 16

struct console_port_settings {
    const char *name; /* the guest finds it by /sys/class/virtio-ports: at most 63 bytes */
    int in, out;      /* borrowed; -1: none */
    bool is_console;  /* the guest makes it an hvc terminal */
};

struct console_device;
int console_new(const struct console_port_settings *ports, unsigned port_count,
                const struct guest_memory *memory, struct worker *worker,
                struct console_device **ret, struct error **err) NODISCARD;
void console_free(struct console_device *c);
struct virtio_device *console_virtio(struct console_device *c);
