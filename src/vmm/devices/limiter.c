// SPDX-License-Identifier: Apache-2.0
#include "vmm/devices/limiter.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"

static const uint64_t second_ns = 1000000000;

static uint64_t now_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t); /* a constant clock: cannot fail */
    return (uint64_t)t.tv_sec * second_ns + (uint64_t)t.tv_nsec;
}

static void timer_ready(struct watch *w, uint32_t events)
{
    struct limiter *l = w->context;
    uint64_t expirations;
    (void)events;
    IGNORE(read(w->fd, &expirations, sizeof(expirations)) < 0); /* a wake-up is all it is */
    if (virtio_enter(l->device)) {
        l->device->ops->queue_notify(l->device, l->queue);
        virtio_leave(l->device);
    }
}

int limiter_init(struct limiter *l, struct virtio_device *d, unsigned queue,
                 const struct limiter_rates *rates, struct error **err)
{
    *l = (struct limiter){
        .device = d, .queue = queue, .timer = {.fd = -1, .ready = timer_ready, .context = l}};
    if (!rates->bytes_per_second && !rates->operations_per_second) {
        return 0;
    }
    bucket_set(&l->bytes, rates->bytes_per_second, rates->burst_bytes, now_ns());
    bucket_set(&l->operations, rates->operations_per_second, 0, now_ns());
    l->timer.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    int r = l->timer.fd < 0 ? -errno : worker_watch(d->worker, &l->timer, EPOLLIN);
    return r < 0 ? error_set_errno(err, ERROR_KERNEL, -r, "the %s device's timer", d->ops->name)
                 : 0;
}

void limiter_done(struct limiter *l)
{
    if (l->device) {
        fd_close(l->timer.fd);
    }
}

bool limiter_may_pass(struct limiter *l)
{
    if (l->timer.fd < 0) {
        return true;
    }
    uint64_t now = now_ns();
    uint64_t wait = bucket_wait_ns(&l->bytes, now);
    uint64_t other = bucket_wait_ns(&l->operations, now);
    wait = wait > other ? wait : other;
    if (wait == 0) {
        return true;
    }
    struct itimerspec due = {
        .it_value = {.tv_sec = (time_t)(wait / second_ns), .tv_nsec = (long)(wait % second_ns)}};
    (void)timerfd_settime(l->timer.fd, 0, &due, NULL); /* a valid time: cannot fail */
    return false;
}

void limiter_charge(struct limiter *l, uint64_t bytes)
{
    bucket_charge(&l->bytes, bytes);
    bucket_charge(&l->operations, 1);
}
