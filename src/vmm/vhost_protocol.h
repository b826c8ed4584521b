// SPDX-License-Identifier: Apache-2.0
/* The messages of vhost-user between a machine's monitor and the server of its
 * shared folders, as far as both use them.
 * Spec: QEMU docs/interop/vhost-user.rst. */
#pragma once

#include <stdint.h>

enum vhost_request {
    VHOST_GET_FEATURES = 1,
    VHOST_SET_FEATURES = 2,
    VHOST_SET_OWNER = 3,
    VHOST_RESET_OWNER = 4,
    VHOST_SET_MEM_TABLE = 5,
    VHOST_SET_VRING_NUM = 8,
    VHOST_SET_VRING_ADDR = 9,
    VHOST_SET_VRING_BASE = 10,
    VHOST_GET_VRING_BASE = 11,
    VHOST_SET_VRING_KICK = 12,
    VHOST_SET_VRING_CALL = 13,
    VHOST_SET_VRING_ERR = 14,
    VHOST_GET_PROTOCOL_FEATURES = 15,
    VHOST_SET_PROTOCOL_FEATURES = 16,
    VHOST_GET_QUEUE_NUM = 17,
    VHOST_SET_VRING_ENABLE = 18,
};

#define VHOST_VERSION 1u
#define VHOST_REPLY 4u      /* flags: this is a reply */
#define VHOST_NEED_REPLY 8u /* flags: say 0 when it is done */
#define VHOST_F_PROTOCOL_FEATURES 30
#define VHOST_PROTOCOL_F_MQ 0
#define VHOST_PROTOCOL_F_REPLY_ACK 3
#define VHOST_VRING_NO_FD 0x100u
#define VHOST_REGIONS_MAX 8

struct vhost_region {
    uint64_t guest_address, bytes, user_address, offset;
};

struct vhost_message {
    uint32_t request, flags, bytes; /* bytes: of what follows */
    union {
        uint64_t number;
        struct {
            uint32_t index, value;
        } ring;
        struct {
            uint32_t index, flags;
            uint64_t descriptors, used, avail, log;
        } addresses;
        struct {
            uint32_t count, padding;
            struct vhost_region regions[VHOST_REGIONS_MAX];
        } memory;
    };
} __attribute__((packed));

#define VHOST_HEADER_BYTES 12
