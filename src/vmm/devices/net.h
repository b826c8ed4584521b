// SPDX-License-Identifier: Apache-2.0
/* The virtio network device over a tap whose frames carry virtio_net_hdr (IFF_VNET_HDR), or over a
 * stream socket to a program that is the network, such as passt: then nobody needs a right.
 *
 * With a tap, checksums and segmentation pass through as offloads: the host's kernel does them when
 * a frame leaves the machine it runs on, if at all. Spec: virtio 1.2 §5.1; Linux tuntap.rst. */
#pragma once

#include "vmm/devices/limiter.h"

struct net_settings {
    int fd; /* borrowed, made non-blocking; a tap with IFF_TAP | IFF_NO_PI | IFF_VNET_HDR, or */
    bool is_stream; /* net_stream.h */
    uint8_t mac[6];
    uint16_t mtu;                       /* 0: not told to the guest */
    struct limiter *receive, *transmit; /* borrowed; as the guest sees it; NULL: none */
};

struct net_device;
int net_new(const struct net_settings *settings, const struct guest_memory *memory,
            struct worker *worker, struct net_device **ret, struct error **err) NODISCARD;
void net_free(struct net_device *n);
struct virtio_device *net_virtio(struct net_device *n);

/* What the worker calls when the descriptor is ready. */
void net_wire_ready(struct net_device *n);

/* Puts a tap into the mode that the device wants: header length, offloads. Apart from net_new(), so
 * that tests can hand in a socket instead. */
int net_prepare_tap(int tap, struct error **err) NODISCARD;
