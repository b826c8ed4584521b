// SPDX-License-Identifier: Apache-2.0
/* The common part and the transport, on the simplest device. */
#include "vmm/devices/virtio.h"

#include "base/test.h"
#include "vmm/devices/fake_driver.h"
#include "vmm/devices/rng.h"
#include "vmm/log.h"

static struct fake_driver f;
static struct rng_device *rng;

static void fresh(void)
{
    CLEANUP(error) struct error *err = NULL;
    fake_memory(&f);
    vmm_log_silence();
    rng_free(rng);
    CHECK_OK(rng_new(&f.memory, NULL, &rng, &err), err);
    f.mmio.device = rng_virtio(rng);
}

static void test_virtio_registers(void)
{
    fresh();
    CHECK_INT(fake_read(&f, VIRTIO_MMIO_MAGIC_VALUE), 0x74726976);
    CHECK_INT(fake_read(&f, VIRTIO_MMIO_VERSION), 2);
    CHECK_INT(fake_read(&f, VIRTIO_MMIO_DEVICE_ID), 4);
    CHECK_INT(fake_read(&f, VIRTIO_MMIO_SHM_LEN_LOW), UINT32_MAX);
    fake_write(&f, VIRTIO_MMIO_QUEUE_SEL, 1); /* there is one queue */
    CHECK_INT(fake_read(&f, VIRTIO_MMIO_QUEUE_NUM_MAX), 0);
    fake_write(&f, VIRTIO_MMIO_QUEUE_SEL, 0);
    CHECK_INT(fake_read(&f, VIRTIO_MMIO_QUEUE_NUM_MAX), VIRTQ_SIZE_MAX);
    uint16_t wide = 0xffff; /* §4.2.2.2: registers are read by four bytes alone */
    virtio_mmio_read(&f.mmio, VIRTIO_MMIO_MAGIC_VALUE, &wide, sizeof(wide));
    CHECK_INT(wide, 0);
}

static void test_virtio_negotiation_refuses(void)
{
    uint32_t status = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER;
    fresh(); /* a feature that was not offered */
    fake_write(&f, VIRTIO_MMIO_STATUS, status);
    fake_write(&f, VIRTIO_MMIO_DRIVER_FEATURES, 1);
    fake_write(&f, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
    fake_write(&f, VIRTIO_MMIO_DRIVER_FEATURES, 1);
    fake_write(&f, VIRTIO_MMIO_STATUS, status | VIRTIO_CONFIG_S_FEATURES_OK);
    CHECK_INT(fake_read(&f, VIRTIO_MMIO_STATUS), status);
    fresh(); /* a driver from before version 1 */
    fake_write(&f, VIRTIO_MMIO_STATUS, status);
    fake_write(&f, VIRTIO_MMIO_STATUS, status | VIRTIO_CONFIG_S_FEATURES_OK);
    CHECK_INT(fake_read(&f, VIRTIO_MMIO_STATUS), status);
    fake_write(&f, VIRTIO_MMIO_STATUS, status | VIRTIO_CONFIG_S_DRIVER_OK);
    CHECK(!f.mmio.device->running);
}

static void test_virtio_serves_a_chain(void)
{
    fresh();
    fake_start(&f, f.mmio.device, UINT64_MAX);
    fake_add(&f, 0, FAKE_DATA, 100, true);
    CHECK_INT(fake_offer(&f, 0), 100);
    CHECK_INT(fake_read(&f, VIRTIO_MMIO_INTERRUPT_STATUS), 1);
    fake_write(&f, VIRTIO_MMIO_INTERRUPT_ACK, 1);
    CHECK_INT(fake_read(&f, VIRTIO_MMIO_INTERRUPT_STATUS), 0);
    unsigned zeroes = 0;
    for (int i = 0; i < 100; i++) {
        zeroes += fake_bytes[FAKE_DATA + i] == 0;
    }
    CHECK(zeroes < 50);
    CHECK_INT(fake_bytes[FAKE_DATA + 100], 0);
}

static void test_virtio_misuse_fails_the_device_until_reset(void)
{
    fresh();
    fake_start(&f, f.mmio.device, 0);
    fake_add(&f, 0, FAKE_MEMORY_BYTES, 4, true); /* outside of memory */
    CHECK_INT(fake_offer(&f, 0), -1);
    CHECK(fake_read(&f, VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_NEEDS_RESET);
    CHECK_INT(fake_read(&f, VIRTIO_MMIO_INTERRUPT_STATUS), 2); /* the guest is told */
    fake_write(&f, VIRTIO_MMIO_STATUS, 15);
    fake_add(&f, 0, FAKE_DATA, 4, true);
    CHECK_INT(fake_offer(&f, 0), -1); /* still failed */
    fake_memory(&f);
    fake_start(&f, rng_virtio(rng), 0);
    fake_add(&f, 0, FAKE_DATA, 4, true);
    CHECK_INT(fake_offer(&f, 0), 4);
}

static void test_virtio_ready_queue_keeps_its_place(void)
{
    fresh();
    fake_start(&f, f.mmio.device, 0);
    fake_write(&f, VIRTIO_MMIO_QUEUE_DESC_LOW, 0x8000);
    fake_write(&f, VIRTIO_MMIO_QUEUE_NUM, 16);
    CHECK_INT(f.mmio.device->queues[0].descriptors, 0);
    CHECK_INT(f.mmio.device->queues[0].size, FAKE_QUEUE_SIZE);
    fake_write(&f, VIRTIO_MMIO_STATUS, 0);
    fake_write(&f, VIRTIO_MMIO_QUEUE_NUM, 16);
    fake_write(&f, VIRTIO_MMIO_QUEUE_DESC_LOW, 8); /* not aligned */
    fake_write(&f, VIRTIO_MMIO_QUEUE_READY, 1);
    CHECK_INT(fake_read(&f, VIRTIO_MMIO_QUEUE_READY), 0);
}

static const struct test tests[] = {
    TEST(test_virtio_registers),
    TEST(test_virtio_negotiation_refuses),
    TEST(test_virtio_serves_a_chain),
    TEST(test_virtio_misuse_fails_the_device_until_reset),
    TEST(test_virtio_ready_queue_keeps_its_place),
};
TEST_MAIN(tests)
