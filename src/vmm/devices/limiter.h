// SPDX-License-Identifier: Apache-2.0
/* The rate limit of one direction (the disks' reads, say) of the machine: a bucket of bytes, one of
 * operations, and the timer that wakes the queues that wait when they hold something again. All the
 * devices of a kind share it, so a second disk is no way around it.
 *
 * limiter_may_pass() before a request, limiter_charge() with what it was. The worker's thread alone
 * calls them, under the lock of the device in question. The timer's descriptor is opened with the
 * machine, before the lock-in; rates change while it runs. A device without a limiter has NULL.
 * Spec: timerfd_create(2). */
#pragma once

#include "vmm/devices/bucket.h"
#include "vmm/devices/virtio.h"

#define LIMITER_WAITERS_MAX 160 /* as many as there may be devices */

struct limiter_waiter {
    struct virtio_device *device;
    unsigned queue; /* notified when it may go on */
};

struct limiter {
    struct bucket bytes, operations;
    struct watch timer;
    struct limiter_waiter waiters[LIMITER_WAITERS_MAX];
    unsigned waiter_count;
};

struct limiter_rates { /* a second; 0: unlimited */
    uint64_t bytes, operations;
};

/* Unlimited at first. `worker` is NULL in tests: then nothing wakes. */
int limiter_open(struct limiter *l, struct worker *worker, struct error **err) NODISCARD;
void limiter_close(struct limiter *l);
/* Whoever waits is asked again at once. */
void limiter_set(struct limiter *l, const struct limiter_rates *rates);
/* False: the queue will be notified. */
bool limiter_may_pass(struct limiter *l, struct virtio_device *d, unsigned queue);
void limiter_charge(struct limiter *l, uint64_t bytes);
