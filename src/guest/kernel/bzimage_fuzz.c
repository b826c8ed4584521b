// SPDX-License-Identifier: Apache-2.0
/* Any bytes as the beginning of a kernel image. */
#include "guest/kernel/bzimage.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    struct bzimage image;
    (void)!bzimage_payload(input, size, size, &image, NULL); /* either is fine */
    return 0;
}
