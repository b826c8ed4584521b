// SPDX-License-Identifier: Apache-2.0
#include "vmm/devices/virtio.h"

#include <assert.h>
#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/file.h"
#include "vmm/log.h"

enum {
    FAILURES_TOLD_MAX = 8,            /* then the log has enough */
    TURN_CHAINS = 2 * VIRTQ_SIZE_MAX, /* of one device, before the others have theirs */
};

/* An event descriptor's counter only ever wakes: a full one has woken already. */
static void event_add(int fd)
{
    if (fd >= 0) {
        IGNORE(write(fd, &(uint64_t){1}, sizeof(uint64_t)) < 0);
    }
}

static void kick_ready(struct watch *w, uint32_t events)
{
    struct virtio_kick *kick = w->context;
    uint64_t count;
    (void)events;
    IGNORE(read(w->fd, &count, sizeof(count)) < 0); /* a wake-up is all it is */
    unsigned queue = (unsigned)(kick - kick->device->kicks);
    if (virtio_enter(kick->device)) {
        if (kick->device->queues[queue].ready) {
            kick->device->ops->queue_notify(kick->device, queue);
        }
        virtio_leave(kick->device);
    }
}

static int open_events(struct virtio_device *d, struct error **err)
{
    d->interrupt_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int r = d->interrupt_fd < 0 ? -errno : 0;
    for (unsigned i = 0; r == 0 && i < d->queue_count; i++) {
        struct watch *w = &d->kicks[i].watch;
        w->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        r = w->fd < 0 ? -errno : worker_watch(d->worker, w, EPOLLIN);
    }
    return r < 0 ? error_set_errno(err, ERROR_KERNEL, -r, "the %s device's events", d->ops->name)
                 : 0;
}

int virtio_init(struct virtio_device *d, const struct virtio_device_ops *ops,
                const struct guest_memory *memory, struct worker *worker, unsigned queue_count,
                struct error **err)
{
    assert(queue_count <= VIRTIO_QUEUES_MAX);
    d->ops = ops;
    d->memory = memory;
    d->worker = worker;
    d->queue_count = queue_count;
    d->interrupt_fd = -1;
    (void)pthread_mutex_init(&d->lock, NULL); /* default attributes: cannot fail */
    for (unsigned i = 0; i < queue_count; i++) {
        d->kicks[i] = (struct virtio_kick){
            .device = d,
            .watch = {.fd = -1, .ready = kick_ready, .context = &d->kicks[i]},
        };
        d->queues[i].size_max = VIRTQ_SIZE_MAX;
    }
    return worker ? open_events(d, err) : 0;
}

void virtio_done(struct virtio_device *d)
{
    for (unsigned i = 0; i < d->queue_count; i++) {
        fd_close(d->kicks[i].watch.fd);
    }
    fd_close(d->interrupt_fd);
    (void)pthread_mutex_destroy(&d->lock);
}

uint64_t virtio_offered(const struct virtio_device *d)
{
    return d->features | 1ull << VIRTIO_F_VERSION_1 | 1ull << VIRTIO_RING_F_INDIRECT_DESC |
           1ull << VIRTIO_RING_F_EVENT_IDX;
}

bool virtio_has(const struct virtio_device *d, unsigned feature_bit)
{
    return (d->driver_features >> feature_bit & 1) != 0;
}

bool virtio_enter(struct virtio_device *d)
{
    (void)pthread_mutex_lock(&d->lock); /* never fails on a plain mutex of ours */
    if (!d->running) {
        (void)pthread_mutex_unlock(&d->lock);
        return false;
    }
    d->budget = TURN_CHAINS;
    return true;
}

void virtio_leave(struct virtio_device *d)
{
    (void)pthread_mutex_unlock(&d->lock);
}

bool virtio_pop(struct virtio_device *d, unsigned queue, struct virtq_chain *ret)
{
    struct virtq *q = &d->queues[queue];
    if (!d->running || !q->ready) {
        return false;
    }
    for (;;) {
        if (d->budget == 0) {
            virtio_kick(d, queue);
            return false;
        }
        int r = virtq_pop(q, d->memory, ret);
        if (r > 0) {
            d->budget--;
            return true;
        }
        if (r < 0) {
            virtio_fail(d, "a descriptor chain is malformed");
            return false;
        }
        if (!virtq_wait(q)) {
            return false;
        }
    }
}

bool virtio_read(struct virtio_device *d, unsigned queue, uint16_t head, struct virtq_chain *ret)
{
    if (virtq_read(&d->queues[queue], d->memory, head, ret) < 0) {
        virtio_fail(d, "a descriptor chain is malformed");
        return false;
    }
    return true;
}

void virtio_signal_used(struct virtio_device *d, unsigned queue)
{
    if (d->queues[queue].ready && virtq_wants_interrupt(&d->queues[queue])) {
        atomic_fetch_or(&d->interrupt_status, VIRTIO_INTERRUPT_USED);
        event_add(d->interrupt_fd);
    }
}

void virtio_signal_config(struct virtio_device *d)
{
    d->config_generation++;
    if (d->status & VIRTIO_CONFIG_S_DRIVER_OK) {
        atomic_fetch_or(&d->interrupt_status, VIRTIO_INTERRUPT_CONFIG);
        event_add(d->interrupt_fd);
    }
}

void virtio_fail(struct virtio_device *d, const char *why)
{
    if (d->failures++ < FAILURES_TOLD_MAX) {
        vmm_log("the guest misused its %s device: %s", d->ops->name, why);
    }
    d->running = false;
    d->status |= VIRTIO_CONFIG_S_NEEDS_RESET;
    virtio_signal_config(d);
}

static void reset(struct virtio_device *d)
{
    if (d->ops->reset) {
        d->ops->reset(d);
    }
    for (unsigned i = 0; i < d->queue_count; i++) {
        virtq_reset(&d->queues[i]);
    }
    d->running = false;
    d->status = 0;
    d->driver_features = 0;
    atomic_store(&d->interrupt_status, 0);
}

/* §3.1.1 step 6: refuse by not setting FEATURES_OK what was not offered, or a legacy driver. */
static uint32_t checked_status(const struct virtio_device *d, uint32_t status)
{
    bool fits = (d->driver_features & ~virtio_offered(d)) == 0 && virtio_has(d, VIRTIO_F_VERSION_1);
    if (!fits) {
        status &= ~(uint32_t)(VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK);
    }
    return status;
}

void virtio_set_status(struct virtio_device *d, uint32_t status)
{
    if (status == 0) {
        reset(d);
        return;
    }
    bool was_running = d->running;
    uint32_t failed = d->status & VIRTIO_CONFIG_S_NEEDS_RESET;
    d->status = checked_status(d, status & 0xff & ~(uint32_t)VIRTIO_CONFIG_S_NEEDS_RESET) | failed;
    d->running = !failed && (d->status & VIRTIO_CONFIG_S_DRIVER_OK) != 0 &&
                 (d->status & VIRTIO_CONFIG_S_FEATURES_OK) != 0;
    if (!d->running || was_running) {
        return;
    }
    if (d->ops->ready) {
        d->ops->ready(d);
        return;
    }
    for (unsigned i = 0; i < d->queue_count; i++) {
        virtio_kick(d, i);
    }
}

void virtio_queue_ready(struct virtio_device *d, unsigned queue, bool ready)
{
    struct virtq *q = &d->queues[queue];
    if (!ready) {
        q->ready = false;
    } else if (!q->ready && virtq_enable(q, d->memory) == 0) {
        q->event_index = virtio_has(d, VIRTIO_RING_F_EVENT_IDX);
    }
    /* A queue that could not be enabled reads as not ready, §4.2.3.2: the driver sees it. */
}

void virtio_kick(struct virtio_device *d, unsigned queue)
{
    event_add(d->kicks[queue].watch.fd);
}
