// SPDX-License-Identifier: Apache-2.0
#include "spec/cpu_list.h"

#include "base/test.h"

static void test_cpu_list_is_valid(void)
{
    static const char *const good[] = {"0", "0-3", "1,3", "0-1,5,7-8"};
    static const char *const bad[] = {"",   "a",    "-1",   "1-",    "3-1",        "1,",
                                      ",1", "1,,2", "1 ,2", "1-2-3", "99999999999"};
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        CHECK_STR(cpu_list_is_valid(good[i]) ? good[i] : "refused", good[i]);
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        CHECK_STR(cpu_list_is_valid(bad[i]) ? bad[i] : "refused", "refused");
    }
}

static void test_cpu_list_contains(void)
{
    CHECK(cpu_list_contains("0-3,8", "1-2,8"));
    CHECK(cpu_list_contains("0", "0"));
    CHECK(!cpu_list_contains("0-3,8", "4"));
    CHECK(!cpu_list_contains("0-3,8", "3-4"));
}

static const struct test tests[] = {TEST(test_cpu_list_is_valid), TEST(test_cpu_list_contains)};
TEST_MAIN(tests)
