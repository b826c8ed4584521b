// SPDX-License-Identifier: Apache-2.0
#include "vmm/devices/rng.h"

#include <linux/virtio_ids.h>
#include <sys/random.h>

#include "base/str.h"

enum { REQUEST_MAX = 4096 }; /* the rest of a longer buffer stays as it was: §5.4.6.2 allows it */

struct rng_device {
    struct virtio_device virtio;
    struct virtq_chain chain;
};

static void queue_notify(struct virtio_device *d, unsigned queue)
{
    struct rng_device *r = (struct rng_device *)d;
    uint8_t bytes[REQUEST_MAX];
    while (virtio_pop(d, queue, &r->chain)) {
        size_t want = r->chain.writable_bytes;
        want = want < sizeof(bytes) ? want : sizeof(bytes);
        ssize_t got = getrandom(bytes, want, 0);
        size_t written = got > 0 ? chain_write(&r->chain, 0, bytes, (size_t)got) : 0;
        virtq_push(&d->queues[queue], r->chain.head, (uint32_t)written);
    }
    virtio_signal_used(d, queue);
}

static const struct virtio_device_ops rng_ops = {
    .name = "rng",
    .device_id = VIRTIO_ID_RNG,
    .queue_notify = queue_notify,
};

int rng_new(const struct guest_memory *memory, struct worker *worker, struct rng_device **ret,
            struct error **err)
{
    struct rng_device *r = xcalloc(1, sizeof(*r));
    int result = virtio_init(&r->virtio, &rng_ops, memory, worker, 1, err);
    if (result < 0) {
        rng_free(r);
        return result;
    }
    *ret = r;
    return 0;
}

void rng_free(struct rng_device *r)
{
    if (r) {
        virtio_done(&r->virtio);
        free(r);
    }
}

struct virtio_device *rng_virtio(struct rng_device *r)
{
    return &r->virtio;
}
