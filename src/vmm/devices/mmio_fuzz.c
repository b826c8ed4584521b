// SPDX-License-Identifier: Apache-2.0
/* Any sequence of register accesses, and of notifications between them: six bytes each. */
#include "vmm/devices/balloon.h"
#include "vmm/devices/fake_driver.h"
#include "vmm/log.h"

enum { STEP = 6 };

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

static void step(struct fake_driver *f, const uint8_t *s)
{
    uint32_t offset = (s[0] | (uint32_t)s[1] << 8) & 0xfff;
    uint32_t len = 1u << (s[1] >> 4 & 3);
    uint8_t value[8] = {s[2], s[3], s[4], s[5]};
    if (s[1] & 0x80) {
        virtio_mmio_read(&f->mmio, offset, value, len);
    } else {
        virtio_mmio_write(&f->mmio, offset, value, len);
    }
    if (s[1] & 0x40) {
        fake_notify(f, s[2] % f->mmio.device->queue_count);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    struct fake_driver f;
    struct balloon_device *b = NULL;
    vmm_log_silence();
    fake_memory(&f);
    if (balloon_new(&f.memory, NULL, &b, NULL) >= 0) {
        f.mmio.device = balloon_virtio(b);
        for (; size >= STEP; size -= STEP, input += STEP) {
            step(&f, input);
        }
    }
    balloon_free(b);
    return 0;
}
