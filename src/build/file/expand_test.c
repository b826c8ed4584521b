// SPDX-License-Identifier: Apache-2.0
#include "build/file/expand.h"

#include "base/test.h"

static const char *lookup(void *context, const char *name)
{
    static const char *const table[][2] = {
        {"A", "hello"},        {"EMPTY", ""},   {"P", "/usr/lib/python3/x.tar.gz"},
        {"SPACE", "one  two"}, {"STAR", "a*b"}, {"1", "first"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        if (str_equal(table[i][0], name)) {
            return table[i][1];
        }
    }
    return NULL;
}

static const struct expansion shell = {.escape = '\\', .lookup = lookup};

static void test_expand_words_as_buildkit_does(void)
{
    static const struct {
        const char *text, *expected;
    } table[] = {
        {"plain", "plain"},
        {"$A", "hello"},
        {"${A}", "hello"},
        {"$AB", ""},
        {"${A}B", "helloB"},
        {"'$A'", "$A"},
        {"\"$A b\"", "hello b"},
        {"\\$A", "$A"},
        {"\"\\$A \\x\"", "$A \\x"},
        {"a\\ b", "a b"},
        {"$", "$"},
        {"a$ b", "a$ b"},
        {"$1", "first"},
        {"${A:-x}", "hello"},
        {"${EMPTY:-x}", "x"},
        {"${EMPTY-x}", ""},
        {"${NONE-x}", "x"},
        {"${NONE:-${A}!}", "hello!"},
        {"${A:+yes}", "yes"},
        {"${EMPTY:+yes}", ""},
        {"${EMPTY+yes}", "yes"},
        {"${NONE+yes}", ""},
        {"${A:?gone}", "hello"},
        {"${P#/usr}", "/lib/python3/x.tar.gz"},
        {"${P#*/}", "usr/lib/python3/x.tar.gz"},
        {"${P##*/}", "x.tar.gz"},
        {"${P%.*}", "/usr/lib/python3/x.tar"},
        {"${P%%.*}", "/usr/lib/python3/x"},
        {"${P/lib/share}", "/usr/share/python3/x.tar.gz"},
        {"${P//\\//-}", "-usr-lib-python3-x.tar.gz"},
        {"${A/l/L}", "heLlo"},
        {"${A//l/L}", "heLLo"},
        {"${A//l}", "heo"},
        {"${STAR#a\\*}", "b"},
        {"${A%%?}", "hell"},
        {"$SPACE", "one  two"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        struct error *err = NULL;
        CLEANUP(free) char *got = NULL;
        CHECK_OK(expand_word(&shell, table[i].text, &got, &err), err);
        CHECK_STR(got, table[i].expected);
    }
}

static void test_expand_mistakes_are_told(void)
{
    static const struct {
        const char *text, *message;
    } table[] = {
        {"'a", "a single quote is left open in ''a'"},
        {"\"a", "a double quote is left open in '\"a'"},
        {"${A", "a brace is left open in '${A'"},
        {"${}", "a bad substitution in '${}'"},
        {"${A!}", "an unknown modifier in '${A!}'"},
        {"${NONE:?set it}", "NONE: set it"},
        {"${NONE?}", "NONE: is not allowed to be unset"},
        {"${EMPTY:?}", "EMPTY: is not allowed to be empty"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        CLEANUP(error) struct error *err = NULL;
        char *got = NULL;
        CHECK(expand_word(&shell, table[i].text, &got, &err) < 0);
        CHECK_STR(err->message, table[i].message);
    }
}

static void test_expand_words_split_where_the_shell_does(void)
{
    CLEANUP(strv) struct strv words = {0};
    struct error *err = NULL;
    CHECK_OK(expand_words(&shell, " 80  \"$SPACE\" $SPACE 'a b' $NONE \"\"", &words, &err), err);
    CLEANUP(free) char *joined = strv_join(&words, "|");
    CHECK_STR(joined, "80|one  two|one|two|a b|");
}

static void test_expand_here_documents_keep_their_quotes(void)
{
    struct expansion e = shell;
    e.keep_quotes = true;
    CLEANUP(free) char *got = NULL;
    struct error *err = NULL;
    CHECK_OK(expand_word(&e, "it's \"$A\" \\n \\$A\n", &got, &err), err);
    CHECK_STR(got, "it's \"hello\" \\n $A\n");
}

static void test_expand_is_bounded(void)
{
    CLEANUP(strbuf) struct strbuf deep = {0};
    for (int i = 0; i < 5000; i++) {
        strbuf_adds(&deep, "${N:-");
    }
    CLEANUP(error) struct error *err = NULL;
    char *got = NULL;
    CHECK(expand_word(&shell, deep.data, &got, &err) < 0);
}

static const struct test tests[] = {
    TEST(test_expand_words_as_buildkit_does),
    TEST(test_expand_mistakes_are_told),
    TEST(test_expand_words_split_where_the_shell_does),
    TEST(test_expand_here_documents_keep_their_quotes),
    TEST(test_expand_is_bounded),
};
TEST_MAIN(tests)
