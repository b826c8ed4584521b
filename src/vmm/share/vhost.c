// SPDX-License-Identifier: Apache-2.0
#include "vmm/share/vhost.h"

#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "base/file.h"
#include "vmm/log.h"

enum {
    RETRY_MS = 10,    /* what waits for a lock is tried so often */
    TURN_CHAINS = 64, /* of one ring, before the other and the socket have their turn */
    FDS_MAX = VHOST_REGIONS_MAX,
    RING_SIZE_MAX = 1024, /* what QEMU offers; chains stay within VIRTQ_CHAIN_MAX by max_write */
};

static const uint64_t offered = 1ull << VIRTIO_F_VERSION_1 | 1ull << VIRTIO_RING_F_INDIRECT_DESC |
                                1ull << VIRTIO_RING_F_EVENT_IDX | 1ull << VHOST_F_PROTOCOL_FEATURES;
static const uint64_t protocol_offered =
    1ull << VHOST_PROTOCOL_F_MQ | 1ull << VHOST_PROTOCOL_F_REPLY_ACK;

/* --- rings ---------------------------------------------------------------------------------------
 */

static bool is_live(const struct vhost_ring *r)
{
    return r->enabled && r->queue.ready;
}

static void push(void *context, unsigned queue, uint16_t head, uint32_t written)
{
    struct vhost *v = context;
    if (is_live(&v->rings[queue])) {
        virtq_push(&v->rings[queue].queue, head, written);
    }
}

static void signal_used(struct vhost_ring *r)
{
    if (is_live(r) && virtq_wants_interrupt(&r->queue) && r->call >= 0) {
        IGNORE(write(r->call, &(uint64_t){1}, sizeof(uint64_t)) < 0); /* it only ever wakes */
    }
}

/* The guest broke a rule: its ring stands still from here. */
static void fail(struct vhost_ring *r, unsigned index)
{
    vmm_log("the guest misused queue %u of its file system: it is stopped", index);
    r->queue.ready = false;
}

/* True: it goes on at once. */
static bool serve_ring(struct vhost *v, unsigned index)
{
    static struct virtq_chain chain;
    struct vhost_ring *r = &v->rings[index];
    for (unsigned i = 0; i < TURN_CHAINS && is_live(r); i++) {
        int n = virtq_pop(&r->queue, &v->memory, &chain);
        if (n == 0 && !virtq_wait(&r->queue)) {
            return false;
        }
        if (n < 0 || (n > 0 && fs_session_serve(v->session, index, &chain) < 0)) {
            fail(r, index);
            return false;
        }
    }
    return is_live(r);
}

/* The monitor's address as the guest's. */
static int guest_address(const struct vhost *v, uint64_t user, uint64_t *ret)
{
    for (unsigned i = 0; i < v->memory.region_count; i++) {
        const struct guest_region *g = &v->memory.regions[i];
        if (user >= v->user_addresses[i] && user - v->user_addresses[i] < g->bytes) {
            *ret = user - v->user_addresses[i] + g->address;
            return 0;
        }
    }
    return -EFAULT;
}

/* What it was told decides where it goes on. */
static int start_ring(struct vhost *v, unsigned index)
{
    struct vhost_ring *r = &v->rings[index];
    struct virtq *q = &r->queue;
    if (q->ready || !r->has_addresses || r->kick < 0 || v->memory.region_count == 0) {
        return 0;
    }
    int e = guest_address(v, r->descriptors, &q->descriptors);
    e = e < 0 ? e : guest_address(v, r->avail, &q->avail);
    e = e < 0 ? e : guest_address(v, r->used, &q->used);
    e = e < 0 ? e : virtq_enable(q, &v->memory);
    if (e < 0) {
        return e;
    }
    q->next_avail = q->next_used = q->signalled = r->base;
    q->event_index = (v->features >> VIRTIO_RING_F_EVENT_IDX & 1) != 0;
    return 0;
}

static void stop_ring(struct vhost_ring *r)
{
    r->base = r->queue.next_avail;
    r->queue.ready = false;
    r->has_addresses = false;
}

/* --- messages ------------------------------------------------------------------------------------
 */

struct received {
    struct vhost_message m;
    int fds[FDS_MAX];
    size_t fd_count;
};

static int take_one(struct received *in, size_t i)
{
    return i < in->fd_count ? take_fd(&in->fds[i]) : -1;
}

static int read_exactly(int fd, void *to, size_t len)
{
    ssize_t n = read_all(fd, to, len);
    return n < 0 ? (int)n : (size_t)n == len ? 0 : -EPROTO;
}

/* 1; 0: the monitor is gone; -errno. */
static int receive(int socket, struct received *in)
{
    in->fd_count = FDS_MAX;
    ssize_t n = recv_fds(socket, &in->m, VHOST_HEADER_BYTES, in->fds, &in->fd_count);
    if (n <= 0) {
        return n == -ECONNRESET ? 0 : (int)n;
    }
    if (n != VHOST_HEADER_BYTES || in->m.bytes > sizeof(in->m) - VHOST_HEADER_BYTES) {
        return -EPROTO;
    }
    int r =
        in->m.bytes ? read_exactly(socket, (char *)&in->m + VHOST_HEADER_BYTES, in->m.bytes) : 0;
    return r < 0 ? r : 1;
}

static int answer(const struct vhost *v, struct vhost_message *m, uint32_t bytes)
{
    m->flags = VHOST_VERSION | VHOST_REPLY;
    m->bytes = bytes;
    return write_all(v->socket, m, VHOST_HEADER_BYTES + (size_t)bytes) < 0 ? -EPIPE : 0;
}

static int answer_number(const struct vhost *v, struct vhost_message *m, uint64_t number)
{
    m->number = number;
    return answer(v, m, sizeof(m->number));
}

static int set_memory(struct vhost *v, struct received *in)
{
    struct guest_memory *g = &v->memory;
    uint32_t count = in->m.memory.count;
    for (unsigned i = 0; i < g->region_count; i++) {
        (void)munmap(g->regions[i].host, g->regions[i].bytes); /* our own mapping: cannot fail */
    }
    g->region_count = 0;
    g->fd = -1;
    if (count > GUEST_REGIONS_MAX || count != in->fd_count) {
        return -EPROTO;
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct vhost_region r = in->m.memory.regions[i];
        void *host = mmap(NULL, r.bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE,
                          in->fds[i], (off_t)r.offset);
        if (host == MAP_FAILED) {
            return -errno;
        }
        v->user_addresses[i] = r.user_address;
        g->regions[g->region_count++] =
            (struct guest_region){.address = r.guest_address, .bytes = r.bytes, .host = host};
    }
    return 0;
}

static int set_event(struct vhost *v, struct received *in)
{
    unsigned index = (unsigned)(in->m.number & 0xff);
    int fd = in->m.number & VHOST_VRING_NO_FD ? -1 : take_one(in, 0);
    if (index >= FS_QUEUES) {
        fd_close(fd);
        return -EPROTO;
    }
    struct vhost_ring *r = &v->rings[index];
    int *to = in->m.request == VHOST_SET_VRING_KICK ? &r->kick : &r->call;
    fd_close(*to);
    *to = fd;
    return in->m.request == VHOST_SET_VRING_KICK ? start_ring(v, index) : 0;
}

/* What has a ring's index and a value. */
static int set_ring(struct vhost *v, struct received *in)
{
    struct vhost_message *m = &in->m;
    unsigned index = m->ring.index;
    if (index >= FS_QUEUES) {
        return -EPROTO;
    }
    struct vhost_ring *r = &v->rings[index];
    switch (m->request) {
    case VHOST_SET_VRING_NUM:
        r->queue.size = m->ring.value <= RING_SIZE_MAX ? (uint16_t)m->ring.value : 0;
        return 0;
    case VHOST_SET_VRING_BASE:
        r->base = (uint16_t)m->ring.value;
        return 0;
    case VHOST_GET_VRING_BASE:
        stop_ring(r);
        fs_session_drop(v->session);
        m->ring.value = r->base;
        return answer(v, m, sizeof(m->ring));
    case VHOST_SET_VRING_ADDR:
        r->descriptors = m->addresses.descriptors;
        r->avail = m->addresses.avail;
        r->used = m->addresses.used;
        r->has_addresses = true;
        return start_ring(v, index);
    case VHOST_SET_VRING_ENABLE:
    default:
        r->enabled = m->ring.value != 0;
        return start_ring(v, index);
    }
}

static int handle(struct vhost *v, struct received *in)
{
    struct vhost_message *m = &in->m;
    switch (m->request) {
    case VHOST_GET_FEATURES:
        return answer_number(v, m, offered);
    case VHOST_GET_PROTOCOL_FEATURES:
        return answer_number(v, m, protocol_offered);
    case VHOST_GET_QUEUE_NUM:
        return answer_number(v, m, FS_QUEUES);
    case VHOST_SET_FEATURES:
        v->features = m->number;
        for (unsigned i = 0; i < FS_QUEUES; i++) { /* without the extension they always are */
            v->rings[i].enabled |= !(v->features >> VHOST_F_PROTOCOL_FEATURES & 1);
        }
        return 0;
    case VHOST_SET_OWNER:
    case VHOST_RESET_OWNER:
    case VHOST_SET_PROTOCOL_FEATURES:
    case VHOST_SET_VRING_ERR:
        return 0;
    case VHOST_SET_MEM_TABLE:
        return set_memory(v, in);
    case VHOST_SET_VRING_KICK:
    case VHOST_SET_VRING_CALL:
        return set_event(v, in);
    case VHOST_SET_VRING_NUM:
    case VHOST_SET_VRING_ADDR:
    case VHOST_SET_VRING_BASE:
    case VHOST_GET_VRING_BASE:
    case VHOST_SET_VRING_ENABLE:
        return set_ring(v, in);
    default:
        return -EPROTO;
    }
}

static bool has_reply(uint32_t request)
{
    return request == VHOST_GET_FEATURES || request == VHOST_GET_PROTOCOL_FEATURES ||
           request == VHOST_GET_QUEUE_NUM || request == VHOST_GET_VRING_BASE;
}

/* 1; 0: the monitor is gone; -errno. */
static int serve_message(struct vhost *v)
{
    struct received in = {0};
    int r = receive(v->socket, &in);
    if (r > 0) {
        bool need_reply = (in.m.flags & VHOST_NEED_REPLY) != 0 && !has_reply(in.m.request);
        r = handle(v, &in);
        int told = need_reply ? answer_number(v, &in.m, r < 0) : 0;
        r = r < 0 ? r : told < 0 ? told : 1;
    }
    for (size_t i = 0; i < in.fd_count; i++) {
        fd_close(in.fds[i]);
    }
    return r;
}

int vhost_serve(struct vhost *v, int socket, struct fs_session *session)
{
    *v = (struct vhost){.socket = socket, .session = session, .memory.fd = -1};
    bool again = false, waits = false;
    int r = 1;
    session->context = v;
    session->push = push;
    for (unsigned i = 0; i < FS_QUEUES; i++) {
        v->rings[i].kick = v->rings[i].call = -1;
        v->rings[i].queue.size_max = RING_SIZE_MAX;
    }
    while (r > 0) {
        struct pollfd p[1 + FS_QUEUES] = {{.fd = socket, .events = POLLIN}};
        for (unsigned i = 0; i < FS_QUEUES; i++) {
            p[1 + i] = (struct pollfd){.fd = v->rings[i].kick, .events = POLLIN};
        }
        (void)poll(p, ARRAY_SIZE(p), again ? 0 : waits ? RETRY_MS : -1); /* we look at all */
        r = p[0].revents ? serve_message(v) : 1;
        again = false;
        for (unsigned i = 0; r > 0 && i < FS_QUEUES; i++) {
            uint64_t count;
            if (p[1 + i].revents & POLLIN) {
                IGNORE(read(v->rings[i].kick, &count, sizeof(count)) < 0); /* a wake-up alone */
            }
            again |= serve_ring(v, i);
        }
        waits = r > 0 && fs_session_retry(session);
        for (unsigned i = 0; r > 0 && i < FS_QUEUES; i++) {
            signal_used(&v->rings[i]);
        }
    }
    return r;
}
