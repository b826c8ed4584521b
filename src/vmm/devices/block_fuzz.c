// SPDX-License-Identifier: Apache-2.0
/* Any guest memory as a block device's queue. */
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
    struct block_settings settings = {
        .fd = disk, .read_only = size > 7 && (input[7] & 0x80), .serial = "fuzz"};
    fake_memory(&f);
    if (block_new(&settings, &f.memory, NULL, &b, NULL) >= 0) {
        fake_fuzz(&f, block_virtio(b), input, size);
    }
    block_free(b);
    return 0;
}
