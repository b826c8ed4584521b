// SPDX-License-Identifier: Apache-2.0
/* Any bytes as a registry's answer to a HEAD. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "image/current/head.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    char digest[DIGEST_TEXT_BYTES];
    if (head_parse((const char *)bytes, size, digest)) {
        assert(digest_is_valid(digest));
    }
    return 0;
}
