// SPDX-License-Identifier: Apache-2.0
/* The rate limit of one direction of a device: a bucket of bytes, one of operations, and the timer
 * that wakes the queue when they hold something again.
 *
 * limiter_may_pass() before a request, limiter_charge() with what it was. Under the device's lock.
 * The timer's descriptor is opened with the device, before the lock-in. */
#pragma once

#include "vmm/devices/bucket.h"
#include "vmm/devices/virtio.h"

struct limiter {
    struct bucket bytes, operations;
    struct watch timer; /* fd -1: unlimited */
    struct virtio_device *device;
    unsigned queue; /* notified when it may go on */
};

struct limiter_rates { /* 0: unlimited */
    uint64_t bytes_per_second, operations_per_second, burst_bytes;
};

int limiter_init(struct limiter *l, struct virtio_device *d, unsigned queue,
                 const struct limiter_rates *rates, struct error **err) NODISCARD;
void limiter_done(struct limiter *l);
/* False: the timer is set, and the queue will be notified. */
bool limiter_may_pass(struct limiter *l);
void limiter_charge(struct limiter *l, uint64_t bytes);
