// SPDX-License-Identifier: Apache-2.0
#include "base/human.h"

#include "base/test.h"

static void expect(char *actual_take, const char *expected)
{
    CLEANUP(free) char *actual = actual_take;
    CHECK_STR(actual, expected);
}

static void test_human_durations_are_dockers(void)
{
    expect(human_duration(0), "Less than a second");
    expect(human_duration(1), "1 second");
    expect(human_duration(59), "59 seconds");
    expect(human_duration(60), "About a minute");
    expect(human_duration(179), "2 minutes");
    expect(human_duration(3599), "59 minutes");
    expect(human_duration(3600), "About an hour");
    expect(human_duration(3600 * 5 / 2), "3 hours");
    expect(human_duration(86400), "24 hours");
    expect(human_duration(86400 * 3), "3 days");
    expect(human_duration(86400 * 15), "2 weeks");
    expect(human_duration(86400 * 90), "3 months");
    expect(human_duration(86400 * 800), "2 years");
}

static void test_human_sizes_are_dockers(void)
{
    expect(human_size(0), "0B");
    expect(human_size(999), "999B");
    expect(human_size(1000), "1kB");
    expect(human_size(4860000), "4.86MB");
    expect(human_size(187000000), "187MB");
    expect(human_size(1234567890), "1.23GB");
    expect(human_binary_size(16106127360), "15GiB");
    expect(human_binary_size(1610612736), "1.5GiB");
}

static void test_human_times(void)
{
    CHECK(setenv("TZ", "UTC", 1) == 0);
    expect(human_time("2026-01-02T15:04:05.999999999Z"), "2026-01-02 15:04:05 +0000 UTC");
    expect(human_time("soon"), "soon");
    CHECK_INT(human_seconds_since("soon"), -1);
    CHECK_INT(human_seconds_since("2999-01-02T15:04:05Z"), 0);
    CHECK(human_seconds_since("2020-01-02T15:04:05Z") > 86400 * 365);
}

static const struct test tests[] = {
    TEST(test_human_durations_are_dockers),
    TEST(test_human_sizes_are_dockers),
    TEST(test_human_times),
};
TEST_MAIN(tests)
