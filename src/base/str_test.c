// SPDX-License-Identifier: Apache-2.0
#include "base/str.h"

#include <errno.h>

#include "base/test.h"

static void test_str_sizes_are_dockers(void)
{
    int64_t v = 0;
    CHECK(str_to_bytes("512", &v) == 0 && v == 512);
    CHECK(str_to_bytes("64k", &v) == 0 && v == 65536);
    CHECK(str_to_bytes("1.5GiB", &v) == 0 && v == 1610612736);
    CHECK(str_to_bytes("10mb", &v) == 0 && v == 10485760);
    CHECK(str_to_bytes("7b", &v) == 0 && v == 7);
    CHECK_INT(str_to_bytes("", &v), -EINVAL);
    CHECK_INT(str_to_bytes("-1", &v), -EINVAL);
    CHECK_INT(str_to_bytes("10x", &v), -EINVAL);
    CHECK_INT(str_to_bytes("9999999999999g", &v), -ERANGE);
}

static void test_str_numbers_are_whole(void)
{
    int64_t v = 7;
    CHECK(str_to_i64("-12", 10, &v) == 0 && v == -12);
    CHECK_INT(str_to_i64(" 1", 10, &v), -EINVAL);
    CHECK_INT(str_to_i64("1x", 10, &v), -EINVAL);
    CHECK_INT(str_to_i64("99999999999999999999", 10, &v), -ERANGE);
    CHECK_INT(v, -12);
}

static void test_str_arena_arrays_grow(void)
{
    CLEANUP(arena) struct arena *a = arena_new();
    int *numbers = NULL;
    size_t count = 0;
    for (int i = 0; i < 1000; i++) {
        *arena_push(a, numbers, count) = i;
    }
    for (int i = 0; i < 1000; i++) {
        CHECK_INT(numbers[i], i);
    }
}

static void test_str_buffer_stops_at_its_maximum(void)
{
    CLEANUP(strbuf) struct strbuf b = {.max = 10};
    strbuf_adds(&b, "12345678");
    strbuf_adds(&b, "9abcd");
    CHECK(b.overflow);
    CHECK_STR(b.data, "123456789a");
}

static void test_str_distance_finds_the_near_word(void)
{
    CHECK_INT(str_distance("volume", "volum"), 1);
    CHECK_INT(str_distance("kitten", "sitting"), 3);
}

static const struct test tests[] = {
    TEST(test_str_sizes_are_dockers),
    TEST(test_str_numbers_are_whole),
    TEST(test_str_arena_arrays_grow),
    TEST(test_str_buffer_stops_at_its_maximum),
    TEST(test_str_distance_finds_the_near_word),
};
TEST_MAIN(tests)
