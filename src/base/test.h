// SPDX-License-Identifier: Apache-2.0
/* The unit tests' harness: TAP on standard output, one executable a test file, one test by name:
 *     build/tests/plan_test [name…]
 * A test is a function test_<file>_<what>; a failed check ends the test, not the program. */
#pragma once

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/str.h"

struct test {
    const char *name;
    void (*run)(void);
};
#define TEST(function)                                                                             \
    {                                                                                              \
#function, function                                                                        \
    }

static jmp_buf test_end;
static const char *test_skip_reason;

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            printf("# %s:%d: not true: %s\n", __FILE__, __LINE__, #condition);                     \
            longjmp(test_end, 1);                                                                  \
        }                                                                                          \
    } while (0)
#define CHECK_INT(actual, expected)                                                                \
    do {                                                                                           \
        long long actual_ = (long long)(actual), expected_ = (long long)(expected);                \
        if (actual_ != expected_) {                                                                \
            printf("# %s:%d: %s is %lld, expected %lld\n", __FILE__, __LINE__, #actual, actual_,   \
                   expected_);                                                                     \
            longjmp(test_end, 1);                                                                  \
        }                                                                                          \
    } while (0)
#define CHECK_STR(actual, expected)                                                                \
    do {                                                                                           \
        const char *actual_ = (actual), *expected_ = (expected);                                   \
        if (!str_equal(actual_, expected_)) {                                                      \
            printf("# %s:%d: %s is\n#   '%s'\n# expected\n#   '%s'\n", __FILE__, __LINE__,         \
                   #actual, str_or(actual_, "(null)"), str_or(expected_, "(null)"));               \
            longjmp(test_end, 1);                                                                  \
        }                                                                                          \
    } while (0)
/* For a call that must succeed: prints the error's text when it does not. */
#define CHECK_OK(call, err)                                                                        \
    do {                                                                                           \
        if ((call) < 0) {                                                                          \
            char *text_ = (err) ? error_text(err) : xstrdup("no error text");                      \
            printf("# %s:%d: %s failed: %s\n", __FILE__, __LINE__, #call, text_);                  \
            free(text_);                                                                           \
            longjmp(test_end, 1);                                                                  \
        }                                                                                          \
    } while (0)
#define SKIP(reason)                                                                               \
    do {                                                                                           \
        test_skip_reason = (reason);                                                               \
        longjmp(test_end, 2);                                                                      \
    } while (0)

static int test_wanted(const char *name, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strstr(name, argv[i])) {
            return 1;
        }
    }
    return argc < 2;
}

/* 0: passed, 1: failed, 2: skipped. Apart, so that no local of the loop lives across longjmp(). */
static int test_run(const struct test *t)
{
    int end = setjmp(test_end);
    if (end == 0) {
        t->run();
    }
    return end;
}

static int test_main(const struct test *tests, size_t count, int argc, char **argv)
{
    int failed = 0, number = 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("1..%zu\n", count);
    for (size_t i = 0; i < count; i++) {
        number++;
        if (!test_wanted(tests[i].name, argc, argv)) {
            printf("ok %d - %s # SKIP not asked for\n", number, tests[i].name);
            continue;
        }
        int end = test_run(&tests[i]);
        failed += end == 1;
        printf("%sok %d - %s", end == 1 ? "not " : "", number, tests[i].name);
        printf(end == 2 ? " # SKIP %s\n" : "\n", test_skip_reason);
    }
    return failed != 0;
}

#define TEST_MAIN(tests)                                                                           \
    int main(int argc, char **argv)                                                                \
    {                                                                                              \
        return test_main((tests), ARRAY_SIZE(tests), argc, argv);                                  \
    }
