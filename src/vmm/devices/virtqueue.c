// SPDX-License-Identifier: Apache-2.0
#include "vmm/devices/virtqueue.h"

#include <errno.h>
#include <linux/virtio_ring.h>
#include <string.h>

/* Where things stand in the areas, §2.7.6 and §2.7.8: flags, idx, ring[size], event. */
enum { AREA_FLAGS = 0, AREA_INDEX = 2, AREA_RING = 4, AVAIL_ENTRY = 2, USED_ENTRY = 8 };

static uint16_t load16(const uint8_t *p)
{
    return __atomic_load_n((const uint16_t *)(const void *)p, __ATOMIC_ACQUIRE);
}

static void store16(uint8_t *p, uint16_t value)
{
    __atomic_store_n((uint16_t *)(void *)p, value, __ATOMIC_RELEASE);
}

int virtq_enable(struct virtq *q, const struct guest_memory *memory)
{
    uint64_t size = q->size;
    if (size == 0 || size > q->size_max || (size & (size - 1)) != 0 || q->descriptors % 16 != 0 ||
        q->avail % 2 != 0 || q->used % 4 != 0) {
        return -EINVAL;
    }
    q->descriptor_area = guest_memory_at(memory, q->descriptors, size * sizeof(struct vring_desc));
    q->avail_area = guest_memory_at(memory, q->avail, AREA_RING + size * AVAIL_ENTRY + 2);
    q->used_area = guest_memory_at(memory, q->used, AREA_RING + size * USED_ENTRY + 2);
    if (!q->descriptor_area || !q->avail_area || !q->used_area) {
        return -EFAULT;
    }
    q->next_avail = q->next_used = q->signalled = 0;
    q->ready = true;
    return 0;
}

void virtq_reset(struct virtq *q)
{
    *q = (struct virtq){.size_max = q->size_max};
}

static int add_range(struct virtq_chain *c, const struct guest_memory *memory,
                     const struct vring_desc *d)
{
    bool writable = (d->flags & VRING_DESC_F_WRITE) != 0;
    uint8_t *host = guest_memory_at(memory, d->addr, d->len);
    if (!host || c->count == VIRTQ_CHAIN_MAX || (!writable && c->readable_count != c->count)) {
        return -EPROTO;
    }
    c->ranges[c->count++] = (struct iovec){.iov_base = host, .iov_len = d->len};
    if (writable) {
        c->writable_bytes += d->len;
    } else {
        c->readable_count++;
        c->readable_bytes += d->len;
    }
    return 0;
}

/* Walks a table of `size` descriptors from `index` on. A chain cannot have more links than its
 * table has entries: that is what finds loops. `indirect` is NULL inside an indirect table. */
static int walk(struct virtq_chain *c, const struct guest_memory *memory, const uint8_t *table,
                uint32_t size, uint16_t index, struct vring_desc *indirect)
{
    for (uint32_t links = 0; links < size; links++) {
        struct vring_desc d;
        if (index >= size) {
            return -EPROTO;
        }
        memcpy(&d, table + (size_t)index * sizeof(d), sizeof(d));
        if (d.flags & VRING_DESC_F_INDIRECT) {
            /* §2.7.5.3.1: not within another, and not with a next. */
            if (!indirect || (d.flags & VRING_DESC_F_NEXT)) {
                return -EPROTO;
            }
            *indirect = d;
            return 1;
        }
        int r = add_range(c, memory, &d);
        if (r < 0 || !(d.flags & VRING_DESC_F_NEXT)) {
            return r;
        }
        index = d.next;
    }
    return -EPROTO;
}

static int walk_chain(const struct virtq *q, const struct guest_memory *memory,
                      struct virtq_chain *c)
{
    struct vring_desc indirect;
    int r = walk(c, memory, q->descriptor_area, q->size, c->head, &indirect);
    if (r <= 0) {
        return r;
    }
    const uint8_t *table = guest_memory_at(memory, indirect.addr, indirect.len);
    if (!table || indirect.len % sizeof(struct vring_desc) != 0) {
        return -EPROTO;
    }
    return walk(c, memory, table, indirect.len / (uint32_t)sizeof(struct vring_desc), 0, NULL);
}

int virtq_read(const struct virtq *q, const struct guest_memory *memory, uint16_t head,
               struct virtq_chain *ret)
{
    ret->count = ret->readable_count = 0;
    ret->readable_bytes = ret->writable_bytes = 0;
    ret->head = head;
    return walk_chain(q, memory, ret) < 0 ? -EPROTO : 0;
}

bool virtq_is_empty(const struct virtq *q)
{
    return load16(q->avail_area + AREA_INDEX) == q->next_avail;
}

int virtq_pop(struct virtq *q, const struct guest_memory *memory, struct virtq_chain *ret)
{
    uint16_t pending = (uint16_t)(load16(q->avail_area + AREA_INDEX) - q->next_avail);
    if (pending == 0) {
        return 0;
    }
    if (pending > q->size) {
        return -EPROTO;
    }
    size_t entry = q->next_avail & (q->size - 1u);
    uint16_t head = load16(q->avail_area + AREA_RING + entry * AVAIL_ENTRY);
    if (virtq_read(q, memory, head, ret) < 0) {
        return -EPROTO;
    }
    q->next_avail++;
    return 1;
}

void virtq_unpop(struct virtq *q)
{
    q->next_avail--;
}

bool virtq_wait(struct virtq *q)
{
    if (q->event_index) {
        store16(q->used_area + AREA_RING + (size_t)q->size * USED_ENTRY, q->next_avail);
    }
    /* §2.7.10: the driver writes idx, then reads what we wrote; we do the reverse. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return !virtq_is_empty(q);
}

void virtq_push(struct virtq *q, uint16_t head, uint32_t written)
{
    size_t entry = q->next_used & (q->size - 1u);
    struct vring_used_elem element = {.id = head, .len = written};
    memcpy(q->used_area + AREA_RING + entry * USED_ENTRY, &element, sizeof(element));
    q->next_used++;
    store16(q->used_area + AREA_INDEX, q->next_used);
}

bool virtq_wants_interrupt(struct virtq *q)
{
    uint16_t before = q->signalled;
    if (q->next_used == before) {
        return false;
    }
    q->signalled = q->next_used;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (!q->event_index) {
        return !(load16(q->avail_area + AREA_FLAGS) & VRING_AVAIL_F_NO_INTERRUPT);
    }
    uint16_t event = load16(q->avail_area + AREA_RING + (size_t)q->size * AVAIL_ENTRY);
    return vring_need_event(event, q->next_used, before);
}

/* The ranges [first, end) cut to [offset, offset + len). */
static unsigned cut(const struct iovec *first, const struct iovec *end, size_t offset, size_t len,
                    struct iovec *ret)
{
    unsigned count = 0;
    for (; first < end && len > 0; first++) {
        if (offset >= first->iov_len) {
            offset -= first->iov_len;
            continue;
        }
        size_t n = first->iov_len - offset;
        n = n < len ? n : len;
        ret[count++] = (struct iovec){(uint8_t *)first->iov_base + offset, n};
        offset = 0;
        len -= n;
    }
    return count;
}

unsigned chain_readable(const struct virtq_chain *c, size_t offset, size_t len, struct iovec *ret)
{
    return cut(c->ranges, c->ranges + c->readable_count, offset, len, ret);
}

unsigned chain_writable(const struct virtq_chain *c, size_t offset, size_t len, struct iovec *ret)
{
    return cut(c->ranges + c->readable_count, c->ranges + c->count, offset, len, ret);
}

size_t chain_read(const struct virtq_chain *c, size_t offset, void *to, size_t len)
{
    struct iovec parts[VIRTQ_CHAIN_MAX];
    unsigned count = chain_readable(c, offset, len, parts);
    size_t done = 0;
    for (unsigned i = 0; i < count; i++) {
        memcpy((uint8_t *)to + done, parts[i].iov_base, parts[i].iov_len);
        done += parts[i].iov_len;
    }
    return done;
}

size_t chain_write(const struct virtq_chain *c, size_t offset, const void *from, size_t len)
{
    struct iovec parts[VIRTQ_CHAIN_MAX];
    unsigned count = chain_writable(c, offset, len, parts);
    size_t done = 0;
    for (unsigned i = 0; i < count; i++) {
        memcpy(parts[i].iov_base, (const uint8_t *)from + done, parts[i].iov_len);
        done += parts[i].iov_len;
    }
    return done;
}
