// SPDX-License-Identifier: Apache-2.0
/* Any guest memory as a balloon's queues. */
#include "vmm/devices/balloon.h"
#include "vmm/devices/fake_driver.h"
#include "vmm/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    struct fake_driver f;
    struct balloon_device *device = NULL;
    vmm_log_silence();
    fake_memory(&f);
    if (balloon_new(&f.memory, NULL, &device, NULL) >= 0) {
        fake_fuzz(&f, balloon_virtio(device), input, size);
    }
    balloon_free(device);
    return 0;
}
