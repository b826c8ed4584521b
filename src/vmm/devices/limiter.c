// SPDX-License-Identifier: Apache-2.0
#include "vmm/devices/limiter.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"

static const uint64_t second_ns = 1000000000;

/* Those that still may not pass put themselves on the list again. */
static void wake_all(struct limiter *l)
{
    struct limiter_waiter waiters[LIMITER_WAITERS_MAX];
    unsigned count = l->waiter_count;
    memcpy(waiters, l->waiters, count * sizeof(waiters[0]));
    l->waiter_count = 0;
    for (unsigned i = 0; i < count; i++) {
        struct virtio_device *d = waiters[i].device;
        if (virtio_enter(d)) {
            d->ops->queue_notify(d, waiters[i].queue);
            virtio_leave(d);
        }
    }
}

static void timer_ready(struct watch *w, uint32_t events)
{
    uint64_t expirations;
    (void)events;
    IGNORE(read(w->fd, &expirations, sizeof(expirations)) < 0); /* a wake-up is all it is */
    wake_all(w->context);
}

int limiter_open(struct limiter *l, struct worker *worker, struct error **err)
{
    *l = (struct limiter){.timer = {.fd = -1, .ready = timer_ready, .context = l}};
    if (!worker) {
        return 0;
    }
    l->timer.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    int r = l->timer.fd < 0 ? -errno : worker_watch(worker, &l->timer, EPOLLIN);
    return r < 0 ? error_set_errno(err, ERROR_KERNEL, -r, "a rate limit's timer") : 0;
}

void limiter_close(struct limiter *l)
{
    fd_close(l->timer.fd);
}

void limiter_set(struct limiter *l, const struct limiter_rates *rates)
{
    uint64_t now = (uint64_t)clock_ns();
    bucket_set(&l->bytes, rates->bytes, 0, now);
    bucket_set(&l->operations, rates->operations, 0, now);
    wake_all(l);
}

static void wait_for_turn(struct limiter *l, struct virtio_device *d, unsigned queue)
{
    for (unsigned i = 0; i < l->waiter_count; i++) {
        if (l->waiters[i].device == d && l->waiters[i].queue == queue) {
            return;
        }
    }
    assert(l->waiter_count < LIMITER_WAITERS_MAX);
    l->waiters[l->waiter_count++] = (struct limiter_waiter){d, queue};
}

bool limiter_may_pass(struct limiter *l, struct virtio_device *d, unsigned queue)
{
    if (!l || (l->bytes.rate_per_second == 0 && l->operations.rate_per_second == 0)) {
        return true;
    }
    uint64_t now = (uint64_t)clock_ns();
    uint64_t wait = bucket_wait_ns(&l->bytes, now);
    uint64_t other = bucket_wait_ns(&l->operations, now);
    wait = wait > other ? wait : other;
    if (wait == 0) {
        return true;
    }
    struct itimerspec due = {
        .it_value = {.tv_sec = (time_t)(wait / second_ns), .tv_nsec = (long)(wait % second_ns)}};
    wait_for_turn(l, d, queue);
    IGNORE(timerfd_settime(l->timer.fd, 0, &due, NULL) < 0); /* tests have no timer */
    return false;
}

void limiter_charge(struct limiter *l, uint64_t bytes)
{
    if (l) {
        bucket_charge(&l->bytes, bytes);
        bucket_charge(&l->operations, 1);
    }
}
