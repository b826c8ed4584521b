// SPDX-License-Identifier: Apache-2.0
#include "base/test.h"
#include "engine/session.h"

static void scan(struct keys_scan *k, const char *in, const char *expected, bool detaches)
{
    unsigned char out[128] = {0};
    size_t len = 0;
    CHECK_INT(keys_scan(k, (const unsigned char *)in, strlen(in), out, &len), detaches);
    out[len] = '\0';
    CHECK_STR((const char *)out, expected);
}

static void test_keys_default_detaches(void)
{
    struct keys_scan k;
    CHECK_INT(keys_scan_init(&k, NULL, NULL), 0);
    scan(&k, "ls\r\x10\x11", "ls\r", true);
}

static void test_keys_over_two_reads(void)
{
    struct keys_scan k;
    CHECK_INT(keys_scan_init(&k, NULL, NULL), 0);
    scan(&k, "a\x10", "a", false);
    scan(&k, "\x11", "", true);
}

static void test_keys_begun_and_not_ended_are_passed_on(void)
{
    struct keys_scan k;
    CHECK_INT(keys_scan_init(&k, NULL, NULL), 0);
    scan(&k, "\x10", "", false);
    scan(&k, "b",
         "\x10"
         "b",
         false);
    scan(&k, "\x10\x10\x11", "\x10", true);
}

static void test_keys_words(void)
{
    struct keys_scan k;
    CHECK_INT(keys_scan_init(&k, "ctrl-@,a,ctrl-[", NULL), 0);
    CHECK_INT(k.count, 3);
    CHECK_INT(k.keys[0], 0);
    CHECK_INT(k.keys[2], 27);
    CHECK(keys_scan_init(&k, "", NULL) < 0);
    CHECK(keys_scan_init(&k, "ctrl-", NULL) < 0);
    CHECK(keys_scan_init(&k, "shift-a", NULL) < 0);
    CHECK(keys_scan_init(&k, "a,,b", NULL) < 0);
}

static const struct test tests[] = {
    TEST(test_keys_default_detaches),
    TEST(test_keys_over_two_reads),
    TEST(test_keys_begun_and_not_ended_are_passed_on),
    TEST(test_keys_words),
};
TEST_MAIN(tests)
