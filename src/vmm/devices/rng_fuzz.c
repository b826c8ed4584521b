// SPDX-License-Identifier: Apache-2.0
/* Any guest memory as an entropy device's queue. */
#include "vmm/devices/fake_driver.h"
#include "vmm/devices/rng.h"
#include "vmm/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    struct fake_driver f;
    struct rng_device *device = NULL;
    vmm_log_silence();
    fake_memory(&f);
    if (rng_new(&f.memory, NULL, &device, NULL) >= 0) {
        fake_fuzz(&f, rng_virtio(device), input, size);
    }
    rng_free(device);
    return 0;
}
