// SPDX-License-Identifier: Apache-2.0
/* Any guest memory as a block device's queue, also with requests that wait for their rate. */
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "vmm/devices/block.h"
#include "vmm/devices/fake_driver.h"
#include "vmm/log.h"

enum { DISK_BYTES = 128 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    static int disk = -1;
    if (disk < 0) {
        disk = memfd_create("disk", MFD_CLOEXEC);
        vmm_log_silence();
    }
    if (ftruncate(disk, DISK_BYTES) < 0) {
        return 0;
    }
    struct fake_driver f;
    struct block_device *b = NULL;
    struct limiter limiters[2];
    struct block_settings settings = {.fd = disk,
                                      .read_only = size > 7 && (input[7] & 0x80),
                                      .serial = "fuzz",
                                      .read = &limiters[0],
                                      .write = &limiters[1]};
    fake_memory(&f);
    if (limiter_open(&limiters[0], NULL, NULL) < 0 || limiter_open(&limiters[1], NULL, NULL) < 0) {
        return 0;
    }
    if (size > 7 && (input[7] & 0x40)) {
        limiter_set(&limiters[0], &(struct limiter_rates){.operations = 1});
        limiter_set(&limiters[1], &(struct limiter_rates){.bytes = 1});
    }
    if (block_new(&settings, &f.memory, NULL, &b, NULL) >= 0) {
        fake_fuzz_rounds(&f, block_virtio(b), input, size);
        limiter_set(&limiters[0], &(struct limiter_rates){0}); /* what was put off is served */
        limiter_set(&limiters[1], &(struct limiter_rates){0});
        fake_write(&f, VIRTIO_MMIO_STATUS, 0);
    }
    block_free(b);
    return 0;
}
