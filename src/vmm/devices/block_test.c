// SPDX-License-Identifier: Apache-2.0
#include "vmm/devices/block.h"

#include <fcntl.h>
#include <linux/virtio_blk.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/test.h"
#include "vmm/devices/fake_driver.h"
#include "vmm/log.h"

enum {
    DISK_BYTES = 1 << 20,
    HEADER = FAKE_DATA,
    DATA = FAKE_DATA + 0x1000,
    STATUS = FAKE_DATA + 0x800
};

static struct fake_driver f;
static struct block_device *block;
static int disk = -1;
static struct limiter limiters[2]; /* of reads, of writes */

static void fresh(bool read_only, uint64_t bytes_per_second)
{
    CLEANUP(error) struct error *err = NULL;
    struct block_settings settings = {.read_only = read_only,
                                      .serial = "layer-0123456789abcdef!",
                                      .read = &limiters[0],
                                      .write = &limiters[1]};
    for (size_t i = 0; i < ARRAY_SIZE(limiters); i++) {
        CHECK_OK(limiter_open(&limiters[i], NULL, &err), err);
    }
    limiter_set(&limiters[0], &(struct limiter_rates){.bytes = bytes_per_second});
    disk = fd_close(disk);
    disk = memfd_create("disk", MFD_CLOEXEC);
    CHECK_INT(ftruncate(disk, DISK_BYTES), 0);
    settings.fd = disk;
    fake_memory(&f);
    vmm_log_silence();
    block_free(block);
    CHECK_OK(block_new(&settings, &f.memory, NULL, &block, &err), err);
    fake_start(&f, block_virtio(block), UINT64_MAX);
}

/* One request; its status, or -1 when the chain did not come back. */
static int request(uint32_t type, uint64_t sector, uint32_t len, bool writable)
{
    struct virtio_blk_outhdr header = {.type = type, .sector = sector};
    memcpy(fake_bytes + HEADER, &header, sizeof(header));
    fake_bytes[STATUS] = 0xff;
    fake_add(&f, 0, HEADER, 9, false); /* the framing is the driver's business: §2.7.4.3 */
    fake_add(&f, 0, HEADER + 9, 7, false);
    if (len > 0) {
        fake_add(&f, 0, DATA, len, writable);
    }
    fake_add(&f, 0, STATUS, 1, true);
    return fake_offer(&f, 0) < 0 ? -1 : fake_bytes[STATUS];
}

static void test_block_configuration(void)
{
    uint64_t capacity;
    fresh(false, 0);
    virtio_mmio_read(&f.mmio, VIRTIO_MMIO_CONFIG, &capacity, sizeof(capacity));
    CHECK_INT(capacity, DISK_BYTES / 512);
    CHECK_INT(request(VIRTIO_BLK_T_GET_ID, 0, 20, true), VIRTIO_BLK_S_OK);
    CHECK_INT(memcmp(fake_bytes + DATA, "layer-0123456789abcd", 20), 0);
}

static void test_block_writes_and_reads(void)
{
    uint8_t back[1024];
    fresh(false, 0);
    memset(fake_bytes + DATA, 'w', sizeof(back));
    CHECK_INT(request(VIRTIO_BLK_T_OUT, 3, sizeof(back), false), VIRTIO_BLK_S_OK);
    CHECK_INT(pread(disk, back, sizeof(back), 3 * 512), sizeof(back));
    CHECK_INT(memcmp(back, fake_bytes + DATA, sizeof(back)), 0);
    memset(fake_bytes + DATA, 0, sizeof(back));
    CHECK_INT(request(VIRTIO_BLK_T_IN, 4, 512, true), VIRTIO_BLK_S_OK);
    CHECK_INT(memcmp(back, fake_bytes + DATA, 512), 0);
    CHECK_INT(fake_bytes[DATA + 512], 0);
    CHECK_INT(request(VIRTIO_BLK_T_FLUSH, 0, 0, false), VIRTIO_BLK_S_OK);
}

static void test_block_stays_on_the_disk(void)
{
    fresh(false, 0);
    CHECK_INT(request(VIRTIO_BLK_T_IN, DISK_BYTES / 512, 512, true), VIRTIO_BLK_S_IOERR);
    CHECK_INT(request(VIRTIO_BLK_T_IN, DISK_BYTES / 512 - 1, 1024, true), VIRTIO_BLK_S_IOERR);
    CHECK_INT(request(VIRTIO_BLK_T_OUT, UINT64_MAX / 512, 512, false), VIRTIO_BLK_S_IOERR);
    CHECK_INT(request(VIRTIO_BLK_T_OUT, 0, 511, false), VIRTIO_BLK_S_IOERR);
    CHECK_INT(request(99, 0, 512, true), VIRTIO_BLK_S_UNSUPP);
    struct stat st;
    CHECK_INT(fstat(disk, &st), 0);
    CHECK_INT(st.st_size, DISK_BYTES);
}

static void test_block_read_only(void)
{
    fresh(true, 0);
    CHECK(virtio_offered(block_virtio(block)) & 1ull << VIRTIO_BLK_F_RO);
    CHECK_INT(request(VIRTIO_BLK_T_OUT, 0, 512, false), VIRTIO_BLK_S_IOERR);
    CHECK_INT(request(VIRTIO_BLK_T_DISCARD, 0, 16, false), VIRTIO_BLK_S_IOERR);
    CHECK_INT(request(VIRTIO_BLK_T_IN, 0, 512, true), VIRTIO_BLK_S_OK);
}

static int clear(uint32_t type, uint64_t sector, uint32_t sectors, uint32_t flags)
{
    struct virtio_blk_discard_write_zeroes s = {sector, sectors, flags};
    memcpy(fake_bytes + DATA, &s, sizeof(s));
    return request(type, 0, sizeof(s), false);
}

static void test_block_discards(void)
{
    struct stat before, after;
    uint8_t byte = 1;
    fresh(false, 0);
    CHECK_INT(posix_fallocate(disk, 0, DISK_BYTES), 0);
    CHECK_INT(fstat(disk, &before), 0);
    CHECK_INT(clear(VIRTIO_BLK_T_DISCARD, 8, 1024, 0), VIRTIO_BLK_S_OK);
    CHECK_INT(fstat(disk, &after), 0);
    CHECK_INT(after.st_size, before.st_size);
    CHECK_INT(before.st_blocks - after.st_blocks, 1024);
    CHECK_INT(pwrite(disk, &byte, 1, 512), 1);
    CHECK_INT(clear(VIRTIO_BLK_T_WRITE_ZEROES, 0, 8, VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP),
              VIRTIO_BLK_S_OK);
    CHECK_INT(pread(disk, &byte, 1, 512), 1);
    CHECK_INT(byte, 0);
    CHECK_INT(clear(VIRTIO_BLK_T_DISCARD, 0, 8, VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP),
              VIRTIO_BLK_S_UNSUPP);
    CHECK_INT(clear(VIRTIO_BLK_T_DISCARD, DISK_BYTES / 512, 8, 0), VIRTIO_BLK_S_IOERR);
    CHECK_INT(clear(VIRTIO_BLK_T_DISCARD, 0, UINT32_MAX, 0), VIRTIO_BLK_S_IOERR);
}

static void test_block_malformed_fails_the_device(void)
{
    fresh(false, 0);
    fake_add(&f, 0, HEADER, 8, false); /* half a header */
    fake_add(&f, 0, STATUS, 1, true);
    CHECK_INT(fake_offer(&f, 0), -1);
    CHECK(fake_read(&f, VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_NEEDS_RESET);
    fresh(false, 0);
    fake_add(&f, 0, HEADER, 16, false); /* nowhere for the status */
    CHECK_INT(fake_offer(&f, 0), -1);
    CHECK(fake_read(&f, VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_NEEDS_RESET);
}

static void test_block_rate_is_limited(void)
{
    fresh(false, 1024);
    CHECK_INT(request(VIRTIO_BLK_T_IN, 0, 2048, true), VIRTIO_BLK_S_OK); /* into debt */
    CHECK_INT(request(VIRTIO_BLK_T_IN, 0, 512, true), -1);               /* waits */
    CHECK_INT(limiters[0].waiter_count, 1);
}

/* Reads that wait hold no write up, and are served when the rate is lifted; a reset forgets them.
 */
static void test_block_directions_wait_apart(void)
{
    fresh(false, 1024);
    limiter_charge(&limiters[0], 1 << 20);
    CHECK_INT(request(VIRTIO_BLK_T_IN, 0, 512, true), -1);
    CHECK_INT(request(VIRTIO_BLK_T_FLUSH, 0, 0, false), VIRTIO_BLK_S_OK);
    memset(fake_bytes + DATA, 'w', 512);
    CHECK_INT(request(VIRTIO_BLK_T_OUT, 0, 512, false), VIRTIO_BLK_S_OK);
    uint16_t used = f.used_seen[0];
    limiter_set(&limiters[0], &(struct limiter_rates){0});
    const uint16_t *ring = (const uint16_t *)(const void *)(fake_bytes + FAKE_USED);
    CHECK_INT(ring[1] - used, 1);
    fresh(false, 1024);
    limiter_charge(&limiters[0], 1 << 20);
    CHECK_INT(request(VIRTIO_BLK_T_IN, 0, 512, true), -1);
    memset(fake_bytes, 0, sizeof(fake_bytes)); /* nothing is offered anew */
    fake_start(&f, block_virtio(block), UINT64_MAX);
    limiter_set(&limiters[0], &(struct limiter_rates){0});
    CHECK_INT(ring[1], 0);
}

static const struct test tests[] = {
    TEST(test_block_configuration),     TEST(test_block_writes_and_reads),
    TEST(test_block_stays_on_the_disk), TEST(test_block_read_only),
    TEST(test_block_discards),          TEST(test_block_malformed_fails_the_device),
    TEST(test_block_rate_is_limited),   TEST(test_block_directions_wait_apart),
};
TEST_MAIN(tests)
