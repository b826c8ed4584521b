// SPDX-License-Identifier: Apache-2.0
#include "vmm/limits.h"

#include <string.h>

#include "base/test.h"

static int read_text(const char *text, struct limit_values *ret)
{
    return limits_read(text, strlen(text), ret);
}

static void test_limits_are_six_numbers(void)
{
    struct limit_values v;
    CHECK_INT(read_text("1 2 3 4 5 18446744073709551615", &v), 0);
    CHECK_INT(v.disk_read.bytes, 1);
    CHECK_INT(v.disk_read.operations, 2);
    CHECK_INT(v.disk_write.bytes, 3);
    CHECK_INT(v.disk_write.operations, 4);
    CHECK_INT(v.net_receive_bytes, 5);
    CHECK(v.net_transmit_bytes == UINT64_MAX);
}

static void test_limits_nothing_else(void)
{
    static const char *const bad[] = {"",
                                      "1 2 3 4 5",
                                      "1 2 3 4 5 6 7",
                                      "1 2 3 4 5 6 ",
                                      "1 2 3 4 5 -6",
                                      "1  2 3 4 5 6",
                                      "1 2 3 4 5 18446744073709551616",
                                      "1 2 3 4 5 6x"};
    struct limit_values v = {.net_receive_bytes = 7};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        CHECK_INT(read_text(bad[i], &v), -22);
    }
    CHECK_INT(v.net_receive_bytes, 7);
}

static void test_limits_hold_a_direction(void)
{
    CLEANUP(error) struct error *err = NULL;
    static struct limits l;
    struct virtio_device d = {0};
    CHECK_OK(limits_open(&l, NULL, &err), err);
    limiter_charge(&l.disk_read, UINT64_MAX / 8);
    CHECK(limiter_may_pass(&l.disk_read, &d, 0));
    limits_set(&l, &(struct limit_values){.disk_read = {.bytes = 1000}});
    CHECK(limiter_may_pass(&l.disk_read, &d, 0));
    limiter_charge(&l.disk_read, UINT64_C(1) << 40);
    CHECK(!limiter_may_pass(&l.disk_read, &d, 0));
    CHECK(!limiter_may_pass(&l.disk_read, &d, 0));
    CHECK_INT(l.disk_read.waiter_count, 1);
    CHECK(limiter_may_pass(&l.disk_write, &d, 0));
}

static const struct test tests[] = {
    TEST(test_limits_are_six_numbers),
    TEST(test_limits_nothing_else),
    TEST(test_limits_hold_a_direction),
};
TEST_MAIN(tests)
