// SPDX-License-Identifier: Apache-2.0
#include "vmm/devices/bucket.h"

static const uint64_t second_ns = 1000000000;

static uint64_t capacity(const struct bucket *b)
{
    uint64_t most = b->burst ? b->burst : b->rate_per_second;
    return most < INT64_MAX ? most : INT64_MAX;
}

static void fill(struct bucket *b, uint64_t now_ns)
{
    uint64_t elapsed = now_ns > b->filled_ns ? now_ns - b->filled_ns : 0;
    __uint128_t gained = (__uint128_t)elapsed * b->rate_per_second / second_ns;
    __uint128_t room = (__uint128_t)((__int128_t)capacity(b) - b->tokens);
    if (gained == 0) {
        return; /* too short a time for one: it goes on counting */
    }
    if (b->tokens >= (int64_t)capacity(b) || gained >= room) {
        b->tokens = (int64_t)capacity(b);
        b->filled_ns = now_ns;
        return;
    }
    b->tokens += (int64_t)gained;
    /* Only the time that whole tokens took, so that slow rates lose nothing to rounding. */
    b->filled_ns += (uint64_t)(gained * second_ns / b->rate_per_second);
}

void bucket_set(struct bucket *b, uint64_t rate_per_second, uint64_t burst, uint64_t now_ns)
{
    bool was_limited = b->rate_per_second != 0;
    b->rate_per_second = rate_per_second;
    b->burst = burst;
    b->filled_ns = now_ns;
    if (!was_limited || b->tokens > (int64_t)capacity(b)) {
        b->tokens = (int64_t)capacity(b);
    }
}

uint64_t bucket_wait_ns(struct bucket *b, uint64_t now_ns)
{
    if (b->rate_per_second == 0) {
        return 0;
    }
    fill(b, now_ns);
    if (b->tokens > 0) {
        return 0;
    }
    __uint128_t missing = (__uint128_t)(1 - (__int128_t)b->tokens);
    __uint128_t due =
        b->filled_ns + (missing * second_ns + b->rate_per_second - 1) / b->rate_per_second;
    return due > now_ns ? (uint64_t)(due - now_ns) : 1;
}

void bucket_charge(struct bucket *b, uint64_t amount)
{
    if (b->rate_per_second == 0) {
        return;
    }
    int64_t charge = amount < INT64_MAX / 4 ? (int64_t)amount : INT64_MAX / 4;
    b->tokens = b->tokens > -INT64_MAX / 4 ? b->tokens - charge : b->tokens;
}
