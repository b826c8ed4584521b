// SPDX-License-Identifier: Apache-2.0
#include "vmm/devices/block.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_ids.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "vmm/log.h"

enum {
    SECTOR = 512, /* §5.2.4: capacity is in these, whatever blk_size says */
    BLOCK = 4096, /* what we tell the guest to prefer */
    SEGMENTS_MAX = VIRTQ_CHAIN_MAX - 2,
    DISCARD_SEGMENTS_MAX = 16,
    DISCARD_SECTORS_MAX = 1 << 22, /* 2 GiB at once */
};

enum direction { DIRECTION_READ, DIRECTION_WRITE, DIRECTION_COUNT, DIRECTION_NONE };

/* Requests that were popped and wait for their direction's rate, oldest first. */
struct put_off {
    uint16_t heads[VIRTQ_SIZE_MAX];
    unsigned first, count;
};

struct block_device {
    struct virtio_device virtio;
    struct virtio_blk_config config;
    struct virtq_chain chain;
    struct limiter *limiters[DIRECTION_COUNT];
    struct put_off put_off[DIRECTION_COUNT];
    int fd;
    bool read_only, has_failed;
    uint64_t sectors;
    char serial[VIRTIO_BLK_ID_BYTES];
};

/* Whether [sector, sector + count) is on the disk. */
static bool on_disk(const struct block_device *b, uint64_t sector, uint64_t count)
{
    return sector <= b->sectors && count <= b->sectors - sector;
}

/* Moves all of the ranges' bytes; a short transfer goes on where it ended. 0 or -errno. */
static int transfer(int fd, bool write, struct iovec *ranges, unsigned count, uint64_t offset)
{
    while (count > 0) {
        ssize_t n = write ? pwritev(fd, ranges, (int)count, (off_t)offset)
                          : preadv(fd, ranges, (int)count, (off_t)offset);
        if (n <= 0) {
            return n < 0 ? -errno : -EIO;
        }
        offset += (uint64_t)n;
        while (count > 0 && (size_t)n >= ranges->iov_len) {
            n -= (ssize_t)ranges->iov_len;
            ranges++;
            count--;
        }
        if (count > 0) {
            ranges->iov_base = (uint8_t *)ranges->iov_base + n;
            ranges->iov_len -= (size_t)n;
        }
    }
    return 0;
}

/* The host's disk is full, or broken: the guest sees an I/O error, our log the first one's reason.
 */
static uint8_t host_failed(struct block_device *b, int code)
{
    if (!b->has_failed) {
        vmm_log("the disk '%.*s': %s; the guest gets an I/O error", (int)sizeof(b->serial),
                b->serial, strerrordesc_np(code));
    }
    b->has_failed = true;
    return VIRTIO_BLK_S_IOERR;
}

static uint8_t read_or_write(struct block_device *b, bool write, uint64_t sector,
                             uint32_t *ret_written)
{
    const struct virtq_chain *c = &b->chain;
    struct iovec ranges[VIRTQ_CHAIN_MAX];
    size_t len =
        write ? c->readable_bytes - sizeof(struct virtio_blk_outhdr) : c->writable_bytes - 1;
    if (len % SECTOR != 0 || !on_disk(b, sector, len / SECTOR) || (write && b->read_only)) {
        return VIRTIO_BLK_S_IOERR;
    }
    unsigned count = write ? chain_readable(c, sizeof(struct virtio_blk_outhdr), len, ranges)
                           : chain_writable(c, 0, len, ranges);
    int r = transfer(b->fd, write, ranges, count, sector * SECTOR);
    limiter_charge(b->limiters[write ? DIRECTION_WRITE : DIRECTION_READ], len);
    *ret_written = write || r < 0 ? 0 : (uint32_t)len;
    return r < 0 ? host_failed(b, -r) : VIRTIO_BLK_S_OK;
}

/* One segment of a discard or of writing zeroes. */
static uint8_t clear(struct block_device *b, uint32_t type,
                     const struct virtio_blk_discard_write_zeroes *s)
{
    bool zero = type == VIRTIO_BLK_T_WRITE_ZEROES;
    bool unmap = (s->flags & VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP) != 0;
    /* §5.2.6.2: a reserved flag, or unmap with discard, is not supported. */
    if ((s->flags & ~(uint32_t)VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP) != 0 || (!zero && unmap)) {
        return VIRTIO_BLK_S_UNSUPP;
    }
    if (s->num_sectors > DISCARD_SECTORS_MAX || !on_disk(b, s->sector, s->num_sectors)) {
        return VIRTIO_BLK_S_IOERR;
    }
    int mode = FALLOC_FL_KEEP_SIZE | (zero && !unmap ? FALLOC_FL_ZERO_RANGE : FALLOC_FL_PUNCH_HOLE);
    if (s->num_sectors > 0 &&
        fallocate(b->fd, mode, (off_t)(s->sector * SECTOR), (off_t)s->num_sectors * SECTOR) < 0) {
        /* A file system without holes: discarding is a hint, zeroes are a promise. */
        return zero ? host_failed(b, errno) : VIRTIO_BLK_S_OK;
    }
    return VIRTIO_BLK_S_OK;
}

static uint8_t clear_all(struct block_device *b, uint32_t type)
{
    struct virtio_blk_discard_write_zeroes segments[DISCARD_SEGMENTS_MAX];
    size_t len = b->chain.readable_bytes - sizeof(struct virtio_blk_outhdr);
    if (b->read_only || len % sizeof(segments[0]) != 0 || len > sizeof(segments)) {
        return VIRTIO_BLK_S_IOERR;
    }
    (void)chain_read(&b->chain, sizeof(struct virtio_blk_outhdr), segments, len);
    uint8_t status = VIRTIO_BLK_S_OK;
    for (size_t i = 0; status == VIRTIO_BLK_S_OK && i < len / sizeof(segments[0]); i++) {
        status = clear(b, type, &segments[i]);
    }
    limiter_charge(b->limiters[DIRECTION_WRITE], 0);
    return status;
}

static uint8_t execute(struct block_device *b, const struct virtio_blk_outhdr *header,
                       uint32_t *ret_written)
{
    switch (header->type) {
    case VIRTIO_BLK_T_IN:
        return read_or_write(b, false, header->sector, ret_written);
    case VIRTIO_BLK_T_OUT:
        return read_or_write(b, true, header->sector, ret_written);
    case VIRTIO_BLK_T_FLUSH:
        return !b->read_only && fdatasync(b->fd) < 0 ? host_failed(b, errno) : VIRTIO_BLK_S_OK;
    case VIRTIO_BLK_T_GET_ID:
        *ret_written = (uint32_t)chain_write(&b->chain, 0, b->serial, sizeof(b->serial));
        return VIRTIO_BLK_S_OK;
    case VIRTIO_BLK_T_DISCARD:
    case VIRTIO_BLK_T_WRITE_ZEROES:
        return clear_all(b, header->type);
    default:
        return VIRTIO_BLK_S_UNSUPP;
    }
}

/* --- the queue ---------------------------------------------------------------------------------
 */

/* False: the guest broke a rule. */
static bool read_header(struct block_device *b, struct virtio_blk_outhdr *ret)
{
    if (chain_read(&b->chain, 0, ret, sizeof(*ret)) != sizeof(*ret) ||
        b->chain.writable_bytes < 1) {
        virtio_fail(&b->virtio, "a request without header or status");
        return false;
    }
    return true;
}

static enum direction direction_of(uint32_t type)
{
    switch (type) {
    case VIRTIO_BLK_T_IN:
        return DIRECTION_READ;
    case VIRTIO_BLK_T_OUT:
    case VIRTIO_BLK_T_DISCARD:
    case VIRTIO_BLK_T_WRITE_ZEROES:
        return DIRECTION_WRITE;
    default:
        return DIRECTION_NONE; /* §5.2.6.2: a flush covers what has been completed */
    }
}

static void serve(struct block_device *b, unsigned queue, const struct virtio_blk_outhdr *header)
{
    const struct virtq_chain *c = &b->chain;
    uint32_t written = 0;
    uint8_t status = execute(b, header, &written);
    /* §5.2.6: the status is the last byte. A GET_ID may have been given no more than that. */
    (void)chain_write(c, c->writable_bytes - 1, &status, 1);
    virtq_push(&b->virtio.queues[queue], c->head, written + 1);
}

/* What was put off, as far as the rate goes by now. A chain that was changed meanwhile is taken as
 * it is now. */
static void serve_put_off(struct block_device *b, unsigned queue, enum direction direction)
{
    struct put_off *p = &b->put_off[direction];
    struct virtio_device *d = &b->virtio;
    struct virtio_blk_outhdr header;
    while (d->running && p->count > 0 && limiter_may_pass(b->limiters[direction], d, queue)) {
        uint16_t head = p->heads[p->first];
        p->first = (p->first + 1) % VIRTQ_SIZE_MAX;
        p->count--;
        if (!virtio_read(d, queue, head, &b->chain) || !read_header(b, &header)) {
            return;
        }
        serve(b, queue, &header);
    }
}

static bool has_room(const struct block_device *b)
{
    return b->put_off[DIRECTION_READ].count < VIRTQ_SIZE_MAX &&
           b->put_off[DIRECTION_WRITE].count < VIRTQ_SIZE_MAX;
}

static void queue_notify(struct virtio_device *d, unsigned queue)
{
    struct block_device *b = (struct block_device *)d;
    struct virtio_blk_outhdr header;
    serve_put_off(b, queue, DIRECTION_READ);
    serve_put_off(b, queue, DIRECTION_WRITE);
    while (has_room(b) && virtio_pop(d, queue, &b->chain) && read_header(b, &header)) {
        enum direction direction = direction_of(header.type);
        struct put_off *p = direction == DIRECTION_NONE ? NULL : &b->put_off[direction];
        if (p && (p->count > 0 || !limiter_may_pass(b->limiters[direction], d, queue))) {
            p->heads[(p->first + p->count++) % VIRTQ_SIZE_MAX] = b->chain.head;
        } else {
            serve(b, queue, &header);
        }
    }
    virtio_signal_used(d, queue);
}

static void reset(struct virtio_device *d)
{
    struct block_device *b = (struct block_device *)d;
    memset(b->put_off, 0, sizeof(b->put_off));
}

static const struct virtio_device_ops block_ops = {
    .name = "block",
    .device_id = VIRTIO_ID_BLOCK,
    .queue_notify = queue_notify,
    .reset = reset,
};

static void fill_config(struct block_device *b)
{
    struct virtio_device *d = &b->virtio;
    b->config = (struct virtio_blk_config){
        .capacity = b->sectors,
        .seg_max = SEGMENTS_MAX,
        .blk_size = SECTOR,
        .physical_block_exp = 3, /* 512 << 3 = BLOCK */
        .num_queues = 1,
        .max_discard_sectors = DISCARD_SECTORS_MAX,
        .max_discard_seg = DISCARD_SEGMENTS_MAX,
        .discard_sector_alignment = BLOCK / SECTOR,
        .max_write_zeroes_sectors = DISCARD_SECTORS_MAX,
        .max_write_zeroes_seg = DISCARD_SEGMENTS_MAX,
        .write_zeroes_may_unmap = 1,
    };
    d->config = (uint8_t *)&b->config;
    d->config_bytes = sizeof(b->config);
    d->features = 1ull << VIRTIO_BLK_F_SEG_MAX | 1ull << VIRTIO_BLK_F_BLK_SIZE |
                  1ull << VIRTIO_BLK_F_TOPOLOGY | 1ull << VIRTIO_BLK_F_FLUSH;
    d->features |= b->read_only ? 1ull << VIRTIO_BLK_F_RO
                                : 1ull << VIRTIO_BLK_F_DISCARD | 1ull << VIRTIO_BLK_F_WRITE_ZEROES;
}

int block_new(const struct block_settings *settings, const struct guest_memory *memory,
              struct worker *worker, struct block_device **ret, struct error **err)
{
    off_t size = lseek(settings->fd, 0, SEEK_END);
    if (size < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "the size of a disk");
    }
    struct block_device *b = xcalloc(1, sizeof(*b));
    b->fd = settings->fd;
    b->read_only = settings->read_only;
    b->limiters[DIRECTION_READ] = settings->read;
    b->limiters[DIRECTION_WRITE] = settings->write;
    b->sectors = (uint64_t)size / SECTOR;
    if (settings->serial) { /* §5.2.6: NUL only where it is shorter */
        memcpy(b->serial, settings->serial, strnlen(settings->serial, sizeof(b->serial)));
    }
    int r = virtio_init(&b->virtio, &block_ops, memory, worker, 1, err);
    if (r >= 0) {
        fill_config(b);
        *ret = b;
    } else {
        block_free(b);
    }
    return r;
}

void block_free(struct block_device *b)
{
    if (b) {
        virtio_done(&b->virtio);
        free(b);
    }
}

struct virtio_device *block_virtio(struct block_device *b)
{
    return &b->virtio;
}
