// SPDX-License-Identifier: Apache-2.0
/* Any bytes from the other side, in pieces whose size the first byte says. */
#include "guest/protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    struct message_reader r = {0};
    struct message f;
    size_t piece = size > 0 ? input[0] + 1u : 1;
    int n = 0;
    volatile uint32_t sum = 0;
    for (size_t at = 1; at < size && n >= 0; at += piece) {
        message_feed(&r, input + at, piece < size - at ? piece : size - at);
        while ((n = message_next(&r, &f)) > 0) {
            for (uint32_t i = 0; i < f.header.bytes; i++) {
                sum = sum + (uint8_t)f.payload[i];
            }
        }
    }
    message_reader_done(&r);
    return 0;
}
