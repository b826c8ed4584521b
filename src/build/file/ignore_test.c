// SPDX-License-Identifier: Apache-2.0
#include "build/file/ignore.h"

#include "base/test.h"
#include "build/file/glob.h"

static void test_ignore_globs_are_gos(void)
{
    static const struct {
        const char *pattern, *text;
        int plain, doublestar;
    } table[] = {
        {"*.go", "a.go", 1, 1},
        {"*.go", "a/b.go", 0, 0},
        {"a?c", "abc", 1, 1},
        {"a?c", "a/c", 0, 0},
        {"[a-c]x", "bx", 1, 1},
        {"[^a-c]x", "bx", 0, 0},
        {"[^a-c]x", "dx", 1, 1},
        {"a\\*b", "a*b", 1, 1},
        {"a\\*b", "axb", 0, 0},
        {"**/x", "x", 0, 1},
        {"**/x", "a/b/x", 0, 1},
        {"**/x", "a/bx", 0, 0},
        {"a/**/b", "a/b", 0, 1},
        {"a/**/b", "a/c/d/b", 0, 1},
        {"a/**", "a/c/d", 0, 1},
        {"a/**", "a", 0, 0},
        {"**", "a/b", 0, 1},
        {"*/*/t", "a/b/t", 1, 1},
        {"[a", "a", -EINVAL, -EINVAL},
        {"a\\", "a", -EINVAL, -EINVAL},
        {"[]a]", "]", -EINVAL, -EINVAL},
        {"a*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 0, 0},
    };
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        CHECK_INT(glob_match(table[i].pattern, table[i].text, false), table[i].plain);
        CHECK_INT(glob_match(table[i].pattern, table[i].text, true), table[i].doublestar);
    }
}

static void test_ignore_the_last_pattern_decides(void)
{
    CLEANUP(ignore) struct ignore i = {0};
    struct error *err = NULL;
    CHECK_OK(ignore_parse(".dockerignore",
                          "# comment\n\n/node_modules/\n*.md\n!README.md\nsecret*/\n"
                          "!secret/ok\n**/*.o\n./deep/../tmp\n",
                          &i, &err),
             err);
    static const struct {
        const char *path;
        bool ignored;
    } table[] = {
        {"node_modules", true},
        {"node_modules/a/b", true},
        {"a/node_modules", false},
        {"x.md", true},
        {"README.md", false},
        {"docs/x.md", false},
        {"secret", true},
        {"secret/key", true},
        {"secret/ok", false},
        {"secret/ok/deep", false},
        {"a/b/c.o", true},
        {"c.o", true},
        {"tmp", true},
        {"src", false},
    };
    for (size_t n = 0; n < ARRAY_SIZE(table); n++) {
        if (ignore_takes(&i, table[n].path, false) != table[n].ignored) {
            printf("# %s\n", table[n].path);
        }
        CHECK_INT(ignore_takes(&i, table[n].path, false), table[n].ignored);
    }
    CHECK(ignore_may_take_back(&i, "secret"));
    CHECK(!ignore_may_take_back(&i, "node_modules"));
}

static void test_ignore_everything_but_what_is_taken_back(void)
{
    CLEANUP(ignore) struct ignore i = {0};
    struct error *err = NULL;
    CHECK_OK(ignore_parse("x", "*\n!src\n", &i, &err), err);
    CHECK(ignore_takes(&i, "a", false));
    CHECK(!ignore_takes(&i, "src", false));
    CHECK(!ignore_takes(&i, "src/a/b", false));
}

static void test_ignore_a_malformed_pattern_names_its_line(void)
{
    CLEANUP(error) struct error *err = NULL;
    struct ignore i = {0};
    CHECK(ignore_parse("f.dockerignore", "a\n[b\n", &i, &err) < 0);
    CHECK_STR(err->message, "f.dockerignore:2: '[b' is no pattern");
}

static const struct test tests[] = {
    TEST(test_ignore_globs_are_gos),
    TEST(test_ignore_the_last_pattern_decides),
    TEST(test_ignore_everything_but_what_is_taken_back),
    TEST(test_ignore_a_malformed_pattern_names_its_line),
};
TEST_MAIN(tests)
