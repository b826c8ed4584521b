// SPDX-License-Identifier: Apache-2.0
#include "image/store/unpack.h"

#include "base/test.h"

static void test_unpack_paths_are_cleaned(void)
{
    static const struct {
        const char *raw, *clean;
    } table[] = {
        {"a/b", "a/b"},
        {"/a/b", "a/b"},
        {"./a/./b/", "a/b"},
        {"a//b", "a/b"},
        {"./", ""},
        {"", ""},
        {"/", ""},
        {"..a/b..", "..a/b.."},
        {"a/.../b", "a/.../b"},
        {"..", NULL},
        {"../a", NULL},
        {"a/..", NULL},
        {"a/../b", NULL},
        {"/../etc", NULL},
        {"./..", NULL},
    };
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        CLEANUP(free) char *clean = unpack_clean_path(table[i].raw);
        CHECK_STR(clean, table[i].clean);
    }
}

static const struct test tests[] = {
    TEST(test_unpack_paths_are_cleaned),
};
TEST_MAIN(tests)
