// SPDX-License-Identifier: Apache-2.0
#include "vmm/devices/virtqueue.h"

#include <errno.h>
#include <linux/virtio_ring.h>

#include "base/test.h"

enum {
    BYTES = 64 * 1024,
    SIZE = 8,
    DESCRIPTORS = 0x1000,
    AVAIL = 0x2000,
    USED = 0x3000,
    DATA = 0x4000
};

static _Alignas(4096) uint8_t bytes[BYTES];
static struct guest_memory memory;
static struct virtq queue;
static struct virtq_chain chain;

/* A driver's side, as plain as can be. */
static void fresh(void)
{
    memset(bytes, 0, sizeof(bytes));
    guest_memory_borrow(&memory, bytes, sizeof(bytes));
    queue = (struct virtq){.size_max = VIRTQ_SIZE_MAX,
                           .size = SIZE,
                           .descriptors = DESCRIPTORS,
                           .avail = AVAIL,
                           .used = USED};
    CHECK_INT(virtq_enable(&queue, &memory), 0);
}

static void describe(unsigned index, uint64_t address, uint32_t len, unsigned flags, unsigned next)
{
    struct vring_desc d = {address, len, (uint16_t)flags, (uint16_t)next};
    memcpy(bytes + DESCRIPTORS + index * sizeof(d), &d, sizeof(d));
}

static void offer(uint16_t head)
{
    uint16_t *avail = (uint16_t *)(void *)(bytes + AVAIL);
    avail[2 + avail[1] % SIZE] = head;
    avail[1]++;
}

static void test_virtqueue_chain(void)
{
    fresh();
    describe(3, DATA, 16, VRING_DESC_F_NEXT, 1);
    describe(1, DATA + 0x100, 8, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 7);
    describe(7, DATA + 0x200, 4, VRING_DESC_F_WRITE, 0);
    CHECK_INT(virtq_pop(&queue, &memory, &chain), 0);
    offer(3);
    CHECK_INT(virtq_pop(&queue, &memory, &chain), 1);
    CHECK_INT(chain.head, 3);
    CHECK_INT(chain.count, 3);
    CHECK_INT(chain.readable_count, 1);
    CHECK_INT(chain.readable_bytes, 16);
    CHECK_INT(chain.writable_bytes, 12);
    CHECK_INT(virtq_pop(&queue, &memory, &chain), 0);
}

static void test_virtqueue_copies_across_ranges(void)
{
    char text[16] = "";
    fresh();
    memcpy(bytes + DATA, "0123456789abcdef", sizeof("0123456789abcdef"));
    describe(0, DATA, 4, VRING_DESC_F_NEXT, 1);
    describe(1, DATA + 4, 12, VRING_DESC_F_NEXT, 2);
    describe(2, DATA + 0x100, 3, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 3);
    describe(3, DATA + 0x200, 5, VRING_DESC_F_WRITE, 0);
    offer(0);
    CHECK_INT(virtq_pop(&queue, &memory, &chain), 1);
    CHECK_INT(chain_read(&chain, 2, text, 5), 5);
    CHECK_STR(text, "23456");
    CHECK_INT(chain_read(&chain, 14, text, 5), 2);
    CHECK_INT(chain_read(&chain, 16, text, 5), 0);
    CHECK_INT(chain_write(&chain, 1, "xyzw", 4), 4);
    CHECK_INT(memcmp(bytes + DATA + 0x101, "xy", 2), 0);
    CHECK_INT(memcmp(bytes + DATA + 0x200, "zw", 2), 0);
    CHECK_INT(chain_write(&chain, 7, "12", 2), 1);
}

static void test_virtqueue_indirect(void)
{
    struct vring_desc table[2] = {{DATA, 4, VRING_DESC_F_NEXT, 1},
                                  {DATA + 8, 4, VRING_DESC_F_WRITE, 0}};
    fresh();
    memcpy(bytes + 0x8000, table, sizeof(table));
    describe(0, 0x8000, sizeof(table), VRING_DESC_F_INDIRECT, 0);
    offer(0);
    CHECK_INT(virtq_pop(&queue, &memory, &chain), 1);
    CHECK_INT(chain.count, 2);
}

/* Every way to break the rules that we know; each is told apart from an empty queue. */
static void test_virtqueue_malformed(void)
{
    const unsigned next = VRING_DESC_F_NEXT, write = VRING_DESC_F_WRITE,
                   indirect = VRING_DESC_F_INDIRECT;
    static const struct vring_desc nested = {DATA, 16, VRING_DESC_F_INDIRECT, 0};
    const struct {
        const char *what;
        uint64_t address;
        uint32_t len;
        unsigned flags, next;
    } bad[] = {
        {"a loop", DATA, 4, next, 0},
        {"a next beyond the table", DATA, 4, next, SIZE},
        {"outside of memory", BYTES, 4, 0, 0},
        {"beyond the end of memory", BYTES - 2, 4, 0, 0},
        {"an address that wraps around", UINT64_MAX - 1, 4, 0, 0},
        {"nothing", DATA, 0, 0, 0},
        {"an indirect table of no whole entries", 0x8000, 15, indirect, 0},
        {"an indirect table outside of memory", BYTES, 16, indirect, 0},
        {"an indirect table with a next", 0x8000, 16, indirect | next, 1},
        {"an indirect table within another", 0x8000, 16, indirect, 0},
        {"a write before a read", DATA, 4, write | next, 1},
    };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        fresh();
        memcpy(bytes + 0x8000, &nested, sizeof(nested));
        describe(0, bad[i].address, bad[i].len, bad[i].flags, bad[i].next);
        describe(1, DATA, 4, 0, 0);
        offer(0);
        printf("# %s\n", bad[i].what);
        CHECK_INT(virtq_pop(&queue, &memory, &chain), -EPROTO);
    }
    fresh();
    offer(SIZE); /* a head beyond the table */
    CHECK_INT(virtq_pop(&queue, &memory, &chain), -EPROTO);
    fresh();
    ((uint16_t *)(void *)(bytes + AVAIL))[1] = SIZE + 1; /* more chains than entries */
    CHECK_INT(virtq_pop(&queue, &memory, &chain), -EPROTO);
}

static void test_virtqueue_enable_checks(void)
{
    static const struct {
        uint16_t size;
        uint64_t descriptors, avail, used;
        int result;
    } rows[] = {
        {0, DESCRIPTORS, AVAIL, USED, -EINVAL},
        {6, DESCRIPTORS, AVAIL, USED, -EINVAL},
        {512, DESCRIPTORS, AVAIL, USED, -EINVAL},
        {SIZE, DESCRIPTORS + 8, AVAIL, USED, -EINVAL},
        {SIZE, DESCRIPTORS, AVAIL + 1, USED, -EINVAL},
        {SIZE, DESCRIPTORS, AVAIL, USED + 2, -EINVAL},
        {SIZE, BYTES - 16, AVAIL, USED, -EFAULT},
        {SIZE, DESCRIPTORS, BYTES - 4, USED, -EFAULT},
        {SIZE, DESCRIPTORS, AVAIL, UINT64_MAX - 3, -EFAULT},
    };
    fresh();
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct virtq q = {.size_max = VIRTQ_SIZE_MAX,
                          .size = rows[i].size,
                          .descriptors = rows[i].descriptors,
                          .avail = rows[i].avail,
                          .used = rows[i].used};
        CHECK_INT(virtq_enable(&q, &memory), rows[i].result);
        CHECK(!q.ready);
    }
}

static void test_virtqueue_used_ring_and_interrupts(void)
{
    const uint16_t *used = (const uint16_t *)(const void *)(bytes + USED);
    uint16_t *avail = (uint16_t *)(void *)(bytes + AVAIL);
    fresh();
    CHECK(!virtq_wants_interrupt(&queue));
    virtq_push(&queue, 5, 77);
    CHECK_INT(used[1], 1);
    CHECK_INT(used[2], 5);
    CHECK_INT(used[4], 77);
    CHECK(virtq_wants_interrupt(&queue));
    CHECK(!virtq_wants_interrupt(&queue)); /* told once */
    avail[0] = VRING_AVAIL_F_NO_INTERRUPT;
    virtq_push(&queue, 5, 0);
    CHECK(!virtq_wants_interrupt(&queue));
}

static void test_virtqueue_event_index(void)
{
    uint16_t *avail = (uint16_t *)(void *)(bytes + AVAIL);
    const uint16_t *event = (const uint16_t *)(const void *)(bytes + USED + 4 + SIZE * 8);
    fresh();
    queue.event_index = true;
    avail[2 + SIZE] = 1; /* "tell me when the second is used" */
    virtq_push(&queue, 0, 0);
    CHECK(!virtq_wants_interrupt(&queue));
    virtq_push(&queue, 0, 0);
    CHECK(virtq_wants_interrupt(&queue));
    describe(0, DATA, 4, 0, 0);
    offer(0);
    CHECK(virtq_wait(&queue)); /* there is one already */
    CHECK_INT(virtq_pop(&queue, &memory, &chain), 1);
    CHECK(!virtq_wait(&queue));
    CHECK_INT(*event, 1);
}

static const struct test tests[] = {
    TEST(test_virtqueue_chain),         TEST(test_virtqueue_copies_across_ranges),
    TEST(test_virtqueue_indirect),      TEST(test_virtqueue_malformed),
    TEST(test_virtqueue_enable_checks), TEST(test_virtqueue_used_ring_and_interrupts),
    TEST(test_virtqueue_event_index),
};
TEST_MAIN(tests)
