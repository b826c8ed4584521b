// SPDX-License-Identifier: Apache-2.0
/* A token bucket: how much of something (bytes, operations) may pass a second.
 *
 * It lets through as long as it holds anything and is charged what it really was, so it may go into
 * debt by one request and waits that off: no request is too large for it. Pure; the caller has the
 * clock and the lock. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct bucket {
    uint64_t rate_per_second; /* 0: unlimited */
    uint64_t burst;           /* what it holds when full; 0: a second's worth */
    int64_t tokens;
    uint64_t filled_ns; /* when it was last filled up */
};

/* Starts full. Called again to change the rate while it runs; the debt stays. */
void bucket_set(struct bucket *b, uint64_t rate_per_second, uint64_t burst, uint64_t now_ns);
/* How long until something may pass: 0 now. */
uint64_t bucket_wait_ns(struct bucket *b, uint64_t now_ns);
void bucket_charge(struct bucket *b, uint64_t amount);
