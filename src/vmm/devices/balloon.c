// SPDX-License-Identifier: Apache-2.0
#include "vmm/devices/balloon.h"

#include <linux/virtio_balloon.h>
#include <linux/virtio_ids.h>

#include "base/str.h"

/* The reporting queue follows those that exist: we offer neither statistics nor hints. */
enum { QUEUE_INFLATE, QUEUE_DEFLATE, QUEUE_REPORTING, QUEUE_COUNT };

enum {
    PAGES_AT_ONCE = 256,   /* what Linux puts in one request */
    INFLATE_MAX = 1 << 16, /* bytes of one request that we read: each page is a system call */
};

struct balloon_device {
    struct virtio_device virtio;
    struct virtio_balloon_config config;
    struct virtq_chain chain;
    atomic_ullong released_bytes;
};

static void release(struct balloon_device *b, uint64_t address, uint64_t len)
{
    /* What is not memory, or is not ours to give, is the guest's loss alone. */
    if (guest_memory_release(b->virtio.memory, address, len) == 0) {
        atomic_fetch_add(&b->released_bytes, len);
    }
}

static void inflate(struct balloon_device *b)
{
    uint32_t pages[PAGES_AT_ONCE];
    size_t len, at = 0;
    for (; at < INFLATE_MAX && (len = chain_read(&b->chain, at, pages, sizeof(pages))) > 0;
         at += len) {
        for (size_t i = 0; i < len / sizeof(pages[0]); i++) {
            release(b, (uint64_t)pages[i] << VIRTIO_BALLOON_PFN_SHIFT,
                    1u << VIRTIO_BALLOON_PFN_SHIFT);
        }
    }
}

/* §5.5.6.5: each writable range is free memory. They are host pointers by now, within a region. */
static void report(struct balloon_device *b)
{
    const struct guest_memory *m = b->virtio.memory;
    for (unsigned i = b->chain.readable_count; i < b->chain.count; i++) {
        const struct iovec *range = &b->chain.ranges[i];
        for (unsigned k = 0; k < m->region_count; k++) {
            uintptr_t start = (uintptr_t)m->regions[k].host;
            uintptr_t at = (uintptr_t)range->iov_base;
            if (at >= start && at - start < m->regions[k].bytes) {
                release(b, m->regions[k].address + (at - start), range->iov_len);
            }
        }
    }
}

static void queue_notify(struct virtio_device *d, unsigned queue)
{
    struct balloon_device *b = (struct balloon_device *)d;
    while (virtio_pop(d, queue, &b->chain)) {
        if (queue == QUEUE_INFLATE) {
            inflate(b);
        } else if (queue == QUEUE_REPORTING) {
            report(b);
        } /* deflated pages come back when they are touched */
        virtq_push(&d->queues[queue], b->chain.head, 0);
    }
    virtio_signal_used(d, queue);
}

static void config_write(struct virtio_device *d, uint32_t offset, uint32_t len)
{
    /* `actual` is the driver's to write; nobody here decides by it. */
    (void)d;
    (void)offset;
    (void)len;
}

static const struct virtio_device_ops balloon_ops = {
    .name = "balloon",
    .device_id = VIRTIO_ID_BALLOON,
    .queue_notify = queue_notify,
    .config_write = config_write,
};

int balloon_new(const struct guest_memory *memory, struct worker *worker,
                struct balloon_device **ret, struct error **err)
{
    struct balloon_device *b = xcalloc(1, sizeof(*b));
    struct virtio_device *d = &b->virtio;
    int r = virtio_init(d, &balloon_ops, memory, worker, QUEUE_COUNT, err);
    if (r < 0) {
        balloon_free(b);
        return r;
    }
    d->config = (uint8_t *)&b->config;
    d->config_bytes =
        2 * sizeof(uint32_t); /* num_pages, actual: the rest belongs to other features */
    d->features = 1ull << VIRTIO_BALLOON_F_DEFLATE_ON_OOM | 1ull << VIRTIO_BALLOON_F_REPORTING;
    *ret = b;
    return 0;
}

void balloon_free(struct balloon_device *b)
{
    if (b) {
        virtio_done(&b->virtio);
        free(b);
    }
}

struct virtio_device *balloon_virtio(struct balloon_device *b)
{
    return &b->virtio;
}

void balloon_set_target(struct balloon_device *b, uint32_t pages)
{
    (void)pthread_mutex_lock(&b->virtio.lock);
    b->config.num_pages = pages;
    virtio_signal_config(&b->virtio);
    (void)pthread_mutex_unlock(&b->virtio.lock);
}

uint64_t balloon_released_bytes(const struct balloon_device *b)
{
    return atomic_load(&b->released_bytes);
}
