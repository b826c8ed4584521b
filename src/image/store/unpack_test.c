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

static void test_unpack_symlinks_may_not_leave(void)
{
    static const struct {
        const char *path, *target;
        bool escapes;
    } table[] = {
        {"a", "b", false},           {"a", "/etc/passwd", false},
        {"a", "..", true},           {"a", "../b", true},
        {"d/a", "..", false},        {"d/a", "../b", false},
        {"d/a", "../../b", true},    {"d/e/a", "../../b", false},
        {"d/a", "x/../../b", false}, {"d/a", "x/../../../b", true},
        {"a", "./b/..", false},      {"a", "/..", true},
        {"a", "/a/../b", false},     {"a", "b/../../c", true},
    };
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        if (unpack_symlink_escapes(table[i].path, table[i].target) != table[i].escapes) {
            printf("# %s -> %s\n", table[i].path, table[i].target);
            CHECK(false);
        }
    }
}

static const struct test tests[] = {
    TEST(test_unpack_paths_are_cleaned),
    TEST(test_unpack_symlinks_may_not_leave),
};
TEST_MAIN(tests)
