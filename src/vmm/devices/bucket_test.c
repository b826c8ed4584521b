// SPDX-License-Identifier: Apache-2.0
#include "vmm/devices/bucket.h"

#include "base/test.h"

static const uint64_t second = 1000000000, millisecond = 1000000;

static void test_bucket_unlimited(void)
{
    struct bucket b = {0};
    bucket_charge(&b, UINT64_MAX);
    CHECK_INT(bucket_wait_ns(&b, 5), 0);
}

static void test_bucket_goes_into_debt_once(void)
{
    struct bucket b = {0};
    bucket_set(&b, 1000, 0, second);
    CHECK_INT(bucket_wait_ns(&b, second), 0);
    bucket_charge(&b, 3000); /* 1000 were there */
    CHECK_INT(bucket_wait_ns(&b, second), 2 * second + millisecond);
    CHECK_INT(bucket_wait_ns(&b, 2 * second), second + millisecond);
    CHECK_INT(bucket_wait_ns(&b, 3 * second + millisecond), 0);
}

/* A slow rate that is asked often: rounding must not eat what was gained. */
static void test_bucket_slow_rate_keeps_time(void)
{
    struct bucket b = {0};
    uint64_t now = 0, passed = 0;
    bucket_set(&b, 3, 1, now);
    for (; now < 100 * second; now += 7 * millisecond) {
        if (bucket_wait_ns(&b, now) == 0) {
            bucket_charge(&b, 1);
            passed++;
        }
    }
    CHECK(passed >= 290 && passed <= 301);
}

static void test_bucket_wait_is_enough(void)
{
    struct bucket b = {0};
    uint64_t now = 12345;
    bucket_set(&b, 999983, 10, now);
    for (unsigned i = 0; i < 10000; i++) {
        uint64_t wait = bucket_wait_ns(&b, now);
        now += wait;
        CHECK_INT(bucket_wait_ns(&b, now), 0);
        bucket_charge(&b, 1 + i % 4096);
    }
}

static void test_bucket_rate_changes_while_it_runs(void)
{
    struct bucket b = {0};
    bucket_set(&b, 100, 0, 0);
    bucket_charge(&b, 200);
    bucket_set(&b, 1000000, 0, 0);
    CHECK(bucket_wait_ns(&b, 0) > 0 && bucket_wait_ns(&b, 0) < second / 1000);
    bucket_set(&b, 0, 0, 0);
    CHECK_INT(bucket_wait_ns(&b, 0), 0);
}

static void test_bucket_extremes(void)
{
    struct bucket b = {0};
    bucket_set(&b, UINT64_MAX, UINT64_MAX, 0);
    for (int i = 0; i < 100; i++) {
        bucket_charge(&b, UINT64_MAX);
        (void)bucket_wait_ns(&b, UINT64_MAX - 1);
    }
    CHECK(bucket_wait_ns(&b, UINT64_MAX) <= second);
}

static const struct test tests[] = {
    TEST(test_bucket_unlimited),
    TEST(test_bucket_goes_into_debt_once),
    TEST(test_bucket_slow_rate_keeps_time),
    TEST(test_bucket_wait_is_enough),
    TEST(test_bucket_rate_changes_while_it_runs),
    TEST(test_bucket_extremes),
};
TEST_MAIN(tests)
