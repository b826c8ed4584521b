// SPDX-License-Identifier: Apache-2.0
/* Any text as a machine's description. */
#include "vmm/machine_spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    CLEANUP(error) struct error *err = NULL;
    struct machine_spec s;
    if (machine_spec_read((const char *)input, size, &s, &err) >= 0) {
        machine_spec_done(&s);
    }
    return 0;
}
