// SPDX-License-Identifier: Apache-2.0
/* Split virtqueues as the device sees them: descriptor chains out of hostile memory.
 *
 * virtq_enable() checks the three areas once and keeps pointers; virtq_pop() copies each descriptor
 * before it checks it and hands out a chain of host ranges, readable ones first; virtq_push() gives
 * it back. A chain that breaks the rules (loops, is too long, points outside of memory, nests
 * indirect tables, reads after it wrote) is -EPROTO: the caller puts its device in the failed
 * state. What a chain's bytes hold may change while they are looked at: chain_read() copies.
 *
 * No system call; under the device's lock. Spec: virtio 1.2 §2.7. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "vmm/memory.h"

#define VIRTQ_SIZE_MAX 256  /* entries; a power of two, §2.7 */
#define VIRTQ_CHAIN_MAX 256 /* ranges of one chain, direct or indirect */

struct virtq {
    uint16_t size_max; /* what the device offers; 0: no such queue */
    uint16_t size;     /* what the driver chose */
    bool ready;
    bool event_index;                  /* VIRTIO_F_EVENT_IDX was negotiated */
    uint64_t descriptors, avail, used; /* guest-physical, as the driver wrote them */
    const uint8_t *descriptor_area, *avail_area;
    uint8_t *used_area;
    uint16_t next_avail, next_used;
    uint16_t signalled; /* next_used when the driver was last told */
};

struct virtq_chain {
    uint16_t head;
    unsigned count, readable_count; /* of `ranges`: the readable ones come first */
    size_t readable_bytes, writable_bytes;
    struct iovec ranges[VIRTQ_CHAIN_MAX];
};

/* Takes the areas into use. -EINVAL: size or alignment; -EFAULT: not in memory. */
int virtq_enable(struct virtq *q, const struct guest_memory *memory) NODISCARD;
void virtq_reset(struct virtq *q);

/* The next chain: 1, 0 when there is none, -EPROTO. */
int virtq_pop(struct virtq *q, const struct guest_memory *memory,
              struct virtq_chain *ret) NODISCARD;
/* A chain that was popped before, by its head: read and checked anew. 0 or -EPROTO. */
int virtq_read(const struct virtq *q, const struct guest_memory *memory, uint16_t head,
               struct virtq_chain *ret) NODISCARD;
/* Puts the last popped chain back, as if it had not been popped. */
void virtq_unpop(struct virtq *q);
/* Whether virtq_pop() would find one; does not ask the driver for a notification. */
bool virtq_is_empty(const struct virtq *q);
/* Asks for a notification with the next chain. True: one came meanwhile, look again. */
bool virtq_wait(struct virtq *q);
/* Returns a chain, `written` bytes of whose writable ranges were filled. */
void virtq_push(struct virtq *q, uint16_t head, uint32_t written);
/* After pushing: whether the driver wants an interrupt. Asked once for a batch. */
bool virtq_wants_interrupt(struct virtq *q);

/* Copies out of the readable ranges, from `offset` on; into the writable ones. How many bytes there
 * were, at most len. */
size_t chain_read(const struct virtq_chain *c, size_t offset, void *to, size_t len);
size_t chain_write(const struct virtq_chain *c, size_t offset, const void *from, size_t len);
/* The ranges of [offset, offset + len) of the readable or writable part, for readv and writev.
 * ret has room for VIRTQ_CHAIN_MAX; returns their count. */
unsigned chain_readable(const struct virtq_chain *c, size_t offset, size_t len, struct iovec *ret);
unsigned chain_writable(const struct virtq_chain *c, size_t offset, size_t len, struct iovec *ret);
