// SPDX-License-Identifier: Apache-2.0
/* A driver without a guest, for tests and fuzz targets: guest memory of ours, the registers through
 * the transport, queues of eight entries at fixed places.
 *
 * Queue q has its descriptors at 512 q, its avail ring 128 bytes behind, its used ring 192 bytes
 * behind; what is free for data begins at FAKE_DATA. */
#pragma once

#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>
#include <string.h>

#include "vmm/devices/mmio.h"

enum {
    FAKE_MEMORY_BYTES = 64 * 1024,
    FAKE_QUEUE_SIZE = 8,
    FAKE_QUEUE_STRIDE = 512,
    FAKE_AVAIL = 128,
    FAKE_USED = 192,
    FAKE_DATA = 0x5000,
};

struct fake_driver {
    struct guest_memory memory;
    struct virtio_mmio mmio;
    uint16_t used_seen[VIRTIO_QUEUES_MAX];
    unsigned descriptors[VIRTIO_QUEUES_MAX]; /* used in this round */
};

static _Alignas(4096) uint8_t fake_bytes[FAKE_MEMORY_BYTES];

static inline void fake_write(struct fake_driver *f, uint32_t offset, uint32_t value)
{
    virtio_mmio_write(&f->mmio, offset, &value, sizeof(value));
}

static inline uint32_t fake_read(struct fake_driver *f, uint32_t offset)
{
    uint32_t value;
    virtio_mmio_read(&f->mmio, offset, &value, sizeof(value));
    return value;
}

static inline void fake_memory(struct fake_driver *f)
{
    *f = (struct fake_driver){0};
    memset(fake_bytes, 0, sizeof(fake_bytes));
    guest_memory_borrow(&f->memory, fake_bytes, sizeof(fake_bytes));
}

static inline void fake_queue(struct fake_driver *f, unsigned q)
{
    fake_write(f, VIRTIO_MMIO_QUEUE_SEL, q);
    fake_write(f, VIRTIO_MMIO_QUEUE_NUM, FAKE_QUEUE_SIZE);
    fake_write(f, VIRTIO_MMIO_QUEUE_DESC_LOW, q * FAKE_QUEUE_STRIDE);
    fake_write(f, VIRTIO_MMIO_QUEUE_AVAIL_LOW, q * FAKE_QUEUE_STRIDE + FAKE_AVAIL);
    fake_write(f, VIRTIO_MMIO_QUEUE_USED_LOW, q * FAKE_QUEUE_STRIDE + FAKE_USED);
    fake_write(f, VIRTIO_MMIO_QUEUE_READY, 1);
}

/* Virtio 1.2 §3.1.1, with these features of those that are offered. */
static inline void fake_start(struct fake_driver *f, struct virtio_device *d, uint64_t features)
{
    f->mmio = (struct virtio_mmio){.device = d};
    features = (features & virtio_offered(d)) | 1ull << VIRTIO_F_VERSION_1;
    uint32_t status = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER;
    fake_write(f, VIRTIO_MMIO_STATUS, 0);
    fake_write(f, VIRTIO_MMIO_STATUS, status);
    for (uint32_t half = 0; half < 2; half++) {
        fake_write(f, VIRTIO_MMIO_DRIVER_FEATURES_SEL, half);
        fake_write(f, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)(features >> (32 * half)));
    }
    fake_write(f, VIRTIO_MMIO_STATUS, status |= VIRTIO_CONFIG_S_FEATURES_OK);
    for (unsigned q = 0; q < d->queue_count; q++) {
        fake_queue(f, q);
    }
    fake_write(f, VIRTIO_MMIO_STATUS, status | VIRTIO_CONFIG_S_DRIVER_OK);
}

/* What the worker does when the doorbell rang. */
static inline void fake_notify(struct fake_driver *f, unsigned q)
{
    struct virtio_device *d = f->mmio.device;
    if (virtio_enter(d)) {
        if (d->queues[q].ready) {
            d->ops->queue_notify(d, q);
        }
        virtio_leave(d);
    }
}

/* Adds a range to the chain that begins with the first call after fake_offer(). */
static inline void fake_add(struct fake_driver *f, unsigned q, uint32_t address, uint32_t len,
                            bool writable)
{
    unsigned n = f->descriptors[q]++;
    struct vring_desc d = {
        .addr = address, .len = len, .flags = (uint16_t)(writable ? VRING_DESC_F_WRITE : 0)};
    uint8_t *table = fake_bytes + q * FAKE_QUEUE_STRIDE;
    memcpy(table + n * sizeof(d), &d, sizeof(d));
    if (n > 0) {
        struct vring_desc *before = (struct vring_desc *)(void *)(table + (n - 1) * sizeof(d));
        before->flags |= VRING_DESC_F_NEXT;
        before->next = (uint16_t)n;
    }
}

/* Makes the chain available and notifies. How many bytes the device says it wrote, or -1 when it
 * has not returned the chain. */
static inline int64_t fake_offer(struct fake_driver *f, unsigned q)
{
    uint16_t *avail = (uint16_t *)(void *)(fake_bytes + q * FAKE_QUEUE_STRIDE + FAKE_AVAIL);
    const uint16_t *used =
        (const uint16_t *)(const void *)(fake_bytes + q * FAKE_QUEUE_STRIDE + FAKE_USED);
    avail[2 + avail[1] % FAKE_QUEUE_SIZE] = 0;
    avail[1]++;
    f->descriptors[q] = 0;
    fake_notify(f, q);
    if (used[1] == f->used_seen[q]) {
        return -1;
    }
    const uint8_t *entry = (const uint8_t *)used + 4 + (f->used_seen[q]++ % FAKE_QUEUE_SIZE) * 8;
    uint32_t len;
    memcpy(&len, entry + 4, sizeof(len));
    return len;
}

/* The fuzz targets' body: the input is the features that the driver takes, then its memory from
 * address 0 on; every queue is notified, twice, with more chains the second time. */
static inline void fake_fuzz_rounds(struct fake_driver *f, struct virtio_device *d,
                                    const uint8_t *input, size_t size)
{
    uint64_t features = 0;
    f->mmio = (struct virtio_mmio){.device = d};
    if (size < sizeof(features)) {
        return;
    }
    memcpy(&features, input, sizeof(features));
    size -= sizeof(features);
    memcpy(fake_bytes, input + sizeof(features),
           size < sizeof(fake_bytes) ? size : sizeof(fake_bytes));
    fake_start(f, d, features);
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned q = 0; q < d->queue_count; q++) {
            fake_notify(f, q);
            uint8_t *avail = fake_bytes + q * FAKE_QUEUE_STRIDE + FAKE_AVAIL;
            avail[2] = (uint8_t)(avail[2] + 3);
        }
    }
}

/* … and a reset at the end. */
static inline void fake_fuzz(struct fake_driver *f, struct virtio_device *d, const uint8_t *input,
                             size_t size)
{
    fake_fuzz_rounds(f, d, input, size);
    fake_write(f, VIRTIO_MMIO_STATUS, 0);
}
