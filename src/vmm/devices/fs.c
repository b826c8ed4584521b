// SPDX-License-Identifier: Apache-2.0
#include "vmm/devices/fs.h"

#include <errno.h>
#include <linux/virtio_fs.h>
#include <linux/virtio_ids.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/file.h"
#include "vmm/log.h"
#include "vmm/vhost_protocol.h"

enum { QUEUES = 2 }; /* §5.11.2: high priority, and one of requests */

struct fs_device {
    struct virtio_device virtio;
    struct virtio_fs_config config;
    int socket;
};

static bool send_message(const struct fs_device *f, const struct vhost_message *m, const int *fds,
                         size_t fd_count)
{
    size_t len = VHOST_HEADER_BYTES + m->bytes;
    ssize_t n = fd_count ? send_fds(f->socket, m, len, fds, fd_count) : write(f->socket, m, len);
    return n == (ssize_t)len;
}

static bool send_number(const struct fs_device *f, enum vhost_request request, uint64_t number,
                        int fd)
{
    struct vhost_message m = {
        .request = request, .flags = VHOST_VERSION, .bytes = sizeof(m.number), .number = number};
    return send_message(f, &m, &fd, fd >= 0);
}

static bool send_ring(const struct fs_device *f, enum vhost_request request, unsigned queue,
                      uint32_t value)
{
    struct vhost_message m = {.request = request,
                              .flags = VHOST_VERSION,
                              .bytes = sizeof(m.ring),
                              .ring = {.index = queue, .value = value}};
    return send_message(f, &m, NULL, 0);
}

/* --- while it runs: a vCPU, locked in ------------------------------------------------------------
 */

static bool send_queue(const struct fs_device *f, unsigned queue)
{
    const struct virtq *q = &f->virtio.queues[queue];
    struct vhost_message m = {
        .request = VHOST_SET_VRING_ADDR,
        .flags = VHOST_VERSION,
        .bytes = sizeof(m.addresses),
        .addresses = {
            .index = queue, .descriptors = q->descriptors, .used = q->used, .avail = q->avail}};
    return send_ring(f, VHOST_SET_VRING_NUM, queue, q->size) &&
           send_ring(f, VHOST_SET_VRING_BASE, queue, 0) && send_message(f, &m, NULL, 0) &&
           send_ring(f, VHOST_SET_VRING_ENABLE, queue, 1);
}

static void ready(struct virtio_device *d)
{
    const struct fs_device *f = (const struct fs_device *)d;
    bool sent = send_number(f, VHOST_SET_FEATURES,
                            d->driver_features | 1ull << VHOST_F_PROTOCOL_FEATURES, -1);
    for (unsigned q = 0; q < QUEUES; q++) {
        sent = sent && (!d->queues[q].ready || send_queue(f, q));
    }
    if (!sent) {
        vmm_log("the shared folders' server is gone");
    }
}

static void reset(struct virtio_device *d)
{
    const struct fs_device *f = (const struct fs_device *)d;
    for (unsigned q = 0; d->running && q < QUEUES; q++) {
        (void)send_ring(f, VHOST_SET_VRING_ENABLE, q, 0); /* gone: then it serves nobody anyway */
    }
}

/* The queues are not the worker's. */
static void queue_notify(struct virtio_device *d, unsigned queue)
{
    (void)d;
    (void)queue;
}

static const struct virtio_device_ops fs_ops = {
    .name = "file system",
    .device_id = VIRTIO_ID_FS,
    .queue_notify = queue_notify,
    .ready = ready,
    .reset = reset,
};

/* --- its making ----------------------------------------------------------------------------------
 */

static bool send_memory(const struct fs_device *f, const struct guest_memory *memory)
{
    struct vhost_message m = {.request = VHOST_SET_MEM_TABLE, .flags = VHOST_VERSION};
    int fds[GUEST_REGIONS_MAX];
    uint64_t offset = 0;
    m.memory.count = memory->region_count;
    m.bytes = sizeof(m.memory);
    for (unsigned i = 0; i < memory->region_count; i++) {
        const struct guest_region *r = &memory->regions[i];
        m.memory.regions[i] = (struct vhost_region){.guest_address = r->address,
                                                    .bytes = r->bytes,
                                                    .user_address = r->address,
                                                    .offset = offset};
        fds[i] = memory->fd;
        offset += r->bytes;
    }
    return send_message(f, &m, fds, memory->region_count);
}

/* Everything that has a descriptor is told before the lock-in. */
static int introduce(const struct fs_device *f, struct error **err)
{
    const struct virtio_device *d = &f->virtio;
    bool sent = send_memory(f, d->memory);
    for (unsigned q = 0; q < QUEUES; q++) {
        sent = sent && send_number(f, VHOST_SET_VRING_CALL, q, d->interrupt_fd) &&
               send_number(f, VHOST_SET_VRING_KICK, q, d->kicks[q].watch.fd);
    }
    return sent
               ? 0
               : error_set_errno(err, ERROR_KERNEL, errno, "talking to the shared folders' server");
}

int fs_new(const struct fs_settings *settings, const struct guest_memory *memory,
           struct worker *worker, struct fs_device **ret, struct error **err)
{
    struct fs_device *f = xcalloc(1, sizeof(*f));
    struct virtio_device *d = &f->virtio;
    f->socket = settings->socket;
    f->config.num_request_queues = QUEUES - 1;
    memcpy(f->config.tag, settings->tag, strnlen(settings->tag, sizeof(f->config.tag)));
    int r = virtio_init(d, &fs_ops, memory, worker, QUEUES, err);
    d->config = (uint8_t *)&f->config;
    d->config_bytes = sizeof(f->config);
    d->interrupt_constant = VIRTIO_INTERRUPT_USED;
    for (unsigned q = 0; r >= 0 && q < QUEUES; q++) {            /* the server waits for them */
        IGNORE(worker_watch(worker, &d->kicks[q].watch, 0) < 0); /* taking one out cannot fail */
    }
    r = r < 0 || !worker ? r : introduce(f, err);
    if (r < 0) {
        fs_free(f);
        return r;
    }
    *ret = f;
    return 0;
}

void fs_free(struct fs_device *f)
{
    if (f) {
        virtio_done(&f->virtio);
        free(f);
    }
}

struct virtio_device *fs_virtio(struct fs_device *f)
{
    return &f->virtio;
}
