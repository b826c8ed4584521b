// SPDX-License-Identifier: Apache-2.0
#include "vmm/devices/net.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_net.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/str.h"
#include "vmm/devices/net_stream.h"

enum { QUEUE_RECEIVE, QUEUE_TRANSMIT, QUEUE_COUNT };

enum {
    HEADER = sizeof(struct virtio_net_hdr_mrg_rxbuf), /* §5.1.6: always with num_buffers */
    FRAME_MAX = HEADER + 65550, /* a segment of 64 KiB before it is cut, with its Ethernet header */
    BUFFERS_MAX = 64,           /* of one received frame: 64 KiB in the smallest useful ones */
};

struct net_device {
    struct virtio_device virtio;
    struct virtio_net_config config;
    struct watch wire;
    struct net_stream *stream; /* NULL: a tap */
    uint32_t receive_wait;     /* EPOLLIN, or 0: nothing can be received */
    struct limiter *receive_limit, *transmit_limit;
    struct virtq_chain chain;
    size_t frame_bytes; /* a frame that has been read and not delivered; 0: none */
    uint8_t frame[FRAME_MAX];
};

/* --- from the host to the guest ----------------------------------------------------------------
 */

struct buffer {
    uint16_t head;
    uint32_t written;
};

/* Copies the frame into as many buffers as it takes. §5.1.6.4: the first one's header says how
 * many. False: the guest has not enough of them yet; they stay where they were. */
static bool deliver(struct net_device *n)
{
    struct virtio_device *d = &n->virtio;
    struct virtq *q = &d->queues[QUEUE_RECEIVE];
    struct buffer buffers[BUFFERS_MAX];
    struct virtq_chain *c = &n->chain;
    uint16_t count = 0;
    size_t done = 0;
    uint8_t *num_buffers = NULL;
    bool merge = virtio_has(d, VIRTIO_NET_F_MRG_RXBUF);
    while (done < n->frame_bytes && (merge || count == 0) && count < BUFFERS_MAX &&
           virtio_pop(d, QUEUE_RECEIVE, c)) {
        size_t len = chain_write(c, 0, n->frame + done, n->frame_bytes - done);
        if (count == 0 && len > 0 && c->ranges[c->readable_count].iov_len >= HEADER) {
            num_buffers = c->ranges[c->readable_count].iov_base;
            num_buffers += offsetof(struct virtio_net_hdr_mrg_rxbuf, num_buffers);
        }
        buffers[count++] = (struct buffer){c->head, (uint32_t)len};
        done += len;
    }
    if (!d->running) {
        return false;
    }
    if (done < n->frame_bytes && merge && count < BUFFERS_MAX) {
        q->next_avail = (uint16_t)(q->next_avail - count);
        return false;
    }
    if (count == 0) {
        return false;
    }
    if (num_buffers) {
        memcpy(num_buffers, &count, sizeof(count));
    }
    for (uint16_t i = 0; i < count; i++) { /* too large for the driver's buffers: it arrives cut */
        virtq_push(q, buffers[i].head, buffers[i].written);
    }
    return true;
}

/* With the header's room before it. A length, or -errno. */
static ssize_t read_frame(struct net_device *n)
{
    if (!n->stream) {
        ssize_t len = read(n->wire.fd, n->frame, sizeof(n->frame));
        return len < 0 ? -errno : len;
    }
    memset(n->frame, 0, HEADER);
    ssize_t len = net_stream_read(n->stream, n->frame + HEADER);
    return len < 0 ? len : len + HEADER;
}

static void watch_wire(struct net_device *n)
{
    uint32_t events = n->receive_wait;
    if (n->stream && net_stream_is_full(n->stream)) {
        events |= EPOLLOUT;
    }
    /* ENOMEM: the network stands still */
    IGNORE(worker_watch(n->virtio.worker, &n->wire, events) < 0);
}

static void receive(struct net_device *n)
{
    struct virtio_device *d = &n->virtio;
    n->receive_wait = 0;
    while (d->running && d->queues[QUEUE_RECEIVE].ready &&
           limiter_may_pass(n->receive_limit, d, QUEUE_RECEIVE)) {
        if (n->frame_bytes == 0) {
            ssize_t len = d->budget == 0 ? -EAGAIN : read_frame(n);
            if (len <= HEADER) {
                /* Nothing there, or the wire is gone (a tap's EBADFD): it is not asked again. */
                n->receive_wait = len >= 0 || len == -EAGAIN ? EPOLLIN : 0;
                break;
            }
            n->frame_bytes = (size_t)len;
        }
        if (!deliver(n)) {
            break;
        }
        limiter_charge(n->receive_limit, n->frame_bytes - HEADER);
        n->frame_bytes = 0;
    }
    virtio_signal_used(d, QUEUE_RECEIVE);
    watch_wire(n);
}

static void transmit(struct net_device *n);

void net_wire_ready(struct net_device *n)
{
    bool was_full = n->stream && net_stream_is_full(n->stream);
    if (virtio_enter(&n->virtio)) {
        if (was_full) {
            net_stream_flush(n->stream);
            transmit(n);
        }
        receive(n);
        virtio_leave(&n->virtio);
    } else {
        IGNORE(worker_watch(n->virtio.worker, &n->wire, 0) < 0); /* DRIVER_OK wakes it again */
    }
}

static void wire_ready(struct watch *w, uint32_t events)
{
    (void)events;
    net_wire_ready(w->context);
}

/* --- from the guest to the host ----------------------------------------------------------------
 */

static void transmit(struct net_device *n)
{
    struct virtio_device *d = &n->virtio;
    struct virtq_chain *c = &n->chain;
    struct iovec ranges[VIRTQ_CHAIN_MAX];
    while (!(n->stream && net_stream_is_full(n->stream)) &&
           limiter_may_pass(n->transmit_limit, d, QUEUE_TRANSMIT) &&
           virtio_pop(d, QUEUE_TRANSMIT, c)) {
        size_t len = c->readable_bytes < FRAME_MAX ? c->readable_bytes : 0;
        size_t skip = n->stream ? HEADER : 0; /* which asks for nothing: no offload is offered */
        unsigned count = len > HEADER ? chain_readable(c, skip, len - skip, ranges) : 0;
        if (count > 0 && n->stream) {
            net_stream_send(n->stream, ranges, count, len - skip);
        } else if (count > 0) {
            /* The host's kernel checks header and frame; what it refuses, or has no room for, is
             * lost, as on any wire. */
            IGNORE(writev(n->wire.fd, ranges, (int)count) < 0);
        }
        limiter_charge(n->transmit_limit, len);
        virtq_push(&d->queues[QUEUE_TRANSMIT], c->head, 0);
    }
    virtio_signal_used(d, QUEUE_TRANSMIT);
    watch_wire(n);
}

static void queue_notify(struct virtio_device *d, unsigned queue)
{
    struct net_device *n = (struct net_device *)d;
    (queue == QUEUE_RECEIVE ? receive : transmit)(n);
}

static void reset(struct virtio_device *d)
{
    ((struct net_device *)d)->frame_bytes = 0;
}

static const struct virtio_device_ops net_ops = {
    .name = "net",
    .device_id = VIRTIO_ID_NET,
    .queue_notify = queue_notify,
    .reset = reset,
};

/* --- making ------------------------------------------------------------------------------------
 */

int net_prepare_tap(int tap, struct error **err)
{
    int header = HEADER;
    if (ioctl(tap, TUNSETVNETHDRSZ, &header) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "the tap's header length");
    }
    /* What the guest may leave to us on receiving: the tap then hands over whole segments. */
    if (ioctl(tap, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "the tap's offloads");
    }
    return 0;
}

static const uint64_t features = 1ull << VIRTIO_NET_F_MAC | 1ull << VIRTIO_NET_F_MRG_RXBUF,
                      tap_features =
                          1ull << VIRTIO_NET_F_CSUM | 1ull << VIRTIO_NET_F_GUEST_CSUM |
                          1ull << VIRTIO_NET_F_GUEST_TSO4 | 1ull << VIRTIO_NET_F_GUEST_TSO6 |
                          1ull << VIRTIO_NET_F_HOST_TSO4 | 1ull << VIRTIO_NET_F_HOST_TSO6;

static int make_nonblocking(const struct net_settings *s, struct error **err)
{
    int flags = fcntl(s->fd, F_GETFL);
    if (flags < 0 || fcntl(s->fd, F_SETFL, flags | O_NONBLOCK) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "the network device's descriptor");
    }
    return 0;
}

int net_new(const struct net_settings *settings, const struct guest_memory *memory,
            struct worker *worker, struct net_device **ret, struct error **err)
{
    struct net_device *n = xcalloc(1, sizeof(*n));
    struct virtio_device *d = &n->virtio;
    n->wire = (struct watch){.fd = settings->fd, .ready = wire_ready, .context = n};
    if (settings->is_stream) {
        n->stream = xcalloc(1, sizeof(*n->stream));
        n->stream->fd = settings->fd;
    }
    n->receive_limit = settings->receive;
    n->transmit_limit = settings->transmit;
    memcpy(n->config.mac, settings->mac, sizeof(n->config.mac));
    n->config.mtu = settings->mtu;
    d->config = (uint8_t *)&n->config;
    d->config_bytes = offsetof(struct virtio_net_config, speed); /* mac … mtu */
    d->features = features | (settings->is_stream ? 0 : tap_features) |
                  (settings->mtu ? 1ull << VIRTIO_NET_F_MTU : 0);
    int r = virtio_init(d, &net_ops, memory, worker, QUEUE_COUNT, err);
    if (r >= 0) {
        r = make_nonblocking(settings, err);
    }
    if (r < 0) {
        net_free(n);
        return r;
    }
    *ret = n;
    return 0;
}

void net_free(struct net_device *n)
{
    if (n) {
        virtio_done(&n->virtio);
        free(n->stream);
        free(n);
    }
}

struct virtio_device *net_virtio(struct net_device *n)
{
    return &n->virtio;
}
