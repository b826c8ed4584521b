// SPDX-License-Identifier: Apache-2.0
#include "base/options.h"

#include <errno.h>

#include "base/test.h"

struct values {
    bool detach, tty, interactive;
    const char *name;
    struct strv env;
    struct option_integer number, memory, wait, cpus;
};

#define AT(field) offsetof(struct values, field)
static const struct option rows[] = {
    {'d', "detach", OPTION_FLAG, AT(detach), NULL, "Detach"},
    {'t', "tty", OPTION_FLAG, AT(tty), NULL, "Terminal"},
    {'i', "interactive", OPTION_FLAG, AT(interactive), NULL, "Keep standard input open"},
    {0, "name", OPTION_STRING, AT(name), "NAME", "A name"},
    {'e', "env", OPTION_LIST, AT(env), "KEY=VALUE", "A variable"},
    {'n', "number", OPTION_INTEGER, AT(number), NULL, "A number"},
    {'m', "memory", OPTION_BYTES, AT(memory), NULL, "A size"},
    {0, "wait-for-a-very-long-name-indeed", OPTION_DURATION, AT(wait), NULL,
     "A help text that is longer than what fits beside the option on one line of eighty columns"},
    {0, "cpus", OPTION_DECIMAL, AT(cpus), NULL, "A decimal"},
    {0, "old-name", OPTION_STRING, AT(name), NULL, "Hidden", .hidden = true},
    {0},
};
static const struct command run = {.name = "run",
                                   .summary = "Runs.",
                                   .arguments = "[OPTIONS] IMAGE [ARG...]",
                                   .options = rows,
                                   .min_arguments = 1,
                                   .max_arguments = -1,
                                   .options_end_at_argument = true};
static const struct command list = {.name = "ps", .options = rows, .max_arguments = 2};

static struct values v;
static int first;

/* Parses the words into v; the error's text in *ret_text, or NULL. */
static int parse(const struct command *c, char **argv, char **ret_text)
{
    struct error *err = NULL;
    int argc = 0;
    while (argv[argc]) {
        argc++;
    }
    options_done(rows, &v);
    v = (struct values){0};
    first = -1;
    int r = options_parse(c, argc, argv, &v, &first, &err);
    *ret_text = err ? error_text(err) : NULL;
    error_free(err);
    return r;
}

static void test_options_long_and_short_forms(void)
{
    CLEANUP(free) char *text = NULL;
    char *words[] = {"-it",   "--name=web", "-eA=1", "-e",    "B=2", "-e=C=3", "--number", "-5",
                     "-m64m", "--cpus",     ".25",   "image", "-d",  "--",     "x",        NULL};
    CHECK_INT(parse(&run, words, &text), 0);
    CHECK(v.interactive && v.tty && !v.detach);
    CHECK_STR(v.name, "web");
    CHECK_INT(v.env.count, 3);
    CHECK_STR(v.env.items[0], "A=1");
    CHECK_STR(v.env.items[1], "B=2");
    CHECK_STR(v.env.items[2], "C=3");
    CHECK(v.number.set && v.number.value == -5);
    CHECK(v.memory.set && v.memory.value == 64 << 20);
    CHECK(v.cpus.set && v.cpus.value == 250);
    CHECK(!v.wait.set);
    CHECK_STR(words[first], "image");
    CHECK_STR(words[first + 1], "-d"); /* behind the image all words are the workload's */
    CHECK_STR(words[first + 2], "--");
}

static void test_options_arguments_come_last(void)
{
    CLEANUP(free) char *text = NULL;
    char *words[] = {"a", "-d", "b", "--name", "n", NULL};
    CHECK_INT(parse(&list, words, &text), 0);
    CHECK_INT(first, 3);
    CHECK_STR(words[first], "a");
    CHECK_STR(words[first + 1], "b");
    CHECK(v.detach);
    CHECK_STR(v.name, "n");
}

static void test_options_double_dash_ends(void)
{
    CLEANUP(free) char *text = NULL;
    char *words[] = {"-d", "--", "--name", "-", NULL};
    CHECK_INT(parse(&list, words, &text), 0);
    CHECK_INT(first, 2);
    CHECK_STR(words[first], "--name");
    CHECK_STR(v.name, NULL);
}

static void test_options_flags_take_values(void)
{
    CLEANUP(free) char *text = NULL;
    char *words[] = {"--detach=true", "--tty=0", "-i=false", NULL};
    CHECK_INT(parse(&list, words, &text), 0);
    CHECK(v.detach && !v.tty && !v.interactive);
    char *bad[] = {"--tty=maybe", NULL};
    CHECK_INT(parse(&list, bad, &text), -EINVAL);
    CHECK_STR(text, "option '--tty' needs true or false, not 'maybe' (see 'cloison ps --help')");
}

static void expect_error(const struct command *c, char **words, const char *expected)
{
    CLEANUP(free) char *text = NULL;
    CHECK(parse(c, words, &text) < 0);
    CHECK_STR(text, expected);
}

static void test_options_errors_name_the_way_out(void)
{
    expect_error(&run, (char *[]){"--nmae", "x", "image", NULL},
                 "unknown option '--nmae' (did you mean '--name'? see 'cloison run --help')");
    expect_error(&run, (char *[]){"--zzzzzz=3", NULL},
                 "unknown option '--zzzzzz' (see 'cloison run --help')");
    expect_error(&run, (char *[]){"-dxi", NULL},
                 "unknown option '-x' in '-dxi' (see 'cloison run --help')");
    expect_error(&run, (char *[]){"--name", NULL},
                 "option '--name' needs a value (see 'cloison run --help')");
    expect_error(&run, (char *[]){"-m", "3q", "image", NULL},
                 "option '--memory' needs a size such as 512, 64m or 1.5g, not '3q' (see 'cloison "
                 "run --help')");
    expect_error(&run, (char *[]){"-n99999999999999999999", "image", NULL},
                 "option '--number': '99999999999999999999' is out of range");
    expect_error(&run, (char *[]){"-d", NULL},
                 "'cloison run' needs at least 1 argument (usage: cloison run [OPTIONS] IMAGE "
                 "[ARG...]; see 'cloison run --help')");
    CLEANUP(free) char *text = NULL;
    CHECK(parse(&list, (char *[]){"a", "b", "c", NULL}, &text) < 0);
    CHECK(str_starts(text, "'cloison ps' takes at most 2 arguments"));
}

static void test_options_help_is_asked_for(void)
{
    CLEANUP(free) char *text = NULL;
    CHECK_INT(parse(&run, (char *[]){"--help", NULL}, &text), 1);
    CHECK_INT(parse(&run, (char *[]){"-h", NULL}, &text), 1);
    CHECK_INT(parse(&run, (char *[]){"image", "--help", NULL}, &text), 0);
}

static void test_options_help_fits_80_columns(void)
{
    CLEANUP(free) char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    options_print_help(&run, "cloison", stream);
    fclose(stream);
    CHECK(str_starts(text, "Usage: cloison run [OPTIONS] IMAGE [ARG...]\n\nRuns.\n\nOptions:\n"));
    CHECK(strstr(text, "\n  -e, --env KEY=VALUE  A variable\n"));
    CHECK(!strstr(text, "old-name"));
    for (const char *line = text; *line; line += strcspn(line, "\n") + 1) {
        CHECK(strcspn(line, "\n") <= 80);
        CHECK(*line == '\n' || line[strcspn(line, "\n") - 1] != ' ');
    }
}

static void test_options_durations(void)
{
    int64_t ms = 0;
    CHECK(option_parse_duration_ms("10", &ms) == 0 && ms == 10000);
    CHECK(option_parse_duration_ms("1m30s", &ms) == 0 && ms == 90000);
    CHECK(option_parse_duration_ms("500ms", &ms) == 0 && ms == 500);
    CHECK(option_parse_duration_ms("1.5h", &ms) == 0 && ms == 5400000);
    CHECK_INT(option_parse_duration_ms("", &ms), -EINVAL);
    CHECK_INT(option_parse_duration_ms("-5s", &ms), -EINVAL);
    CHECK_INT(option_parse_duration_ms("5 s", &ms), -EINVAL);
    CHECK_INT(option_parse_duration_ms("5x", &ms), -EINVAL);
    CHECK_INT(option_parse_duration_ms("s", &ms), -EINVAL);
    CHECK_INT(option_parse_duration_ms("99999999999999999", &ms), -ERANGE);
}

static void test_options_decimals_are_exact(void)
{
    int64_t n = 0;
    CHECK(option_parse_thousandths("1.5", &n) == 0 && n == 1500);
    CHECK(option_parse_thousandths("2", &n) == 0 && n == 2000);
    CHECK(option_parse_thousandths(".125000", &n) == 0 && n == 125);
    CHECK(option_parse_thousandths("3.", &n) == 0 && n == 3000);
    CHECK_INT(option_parse_thousandths(".", &n), -EINVAL);
    CHECK_INT(option_parse_thousandths("1.0005", &n), -EINVAL);
    CHECK_INT(option_parse_thousandths("-1", &n), -EINVAL);
    CHECK_INT(option_parse_thousandths("1e3", &n), -EINVAL);
}

static const struct test tests[] = {
    TEST(test_options_long_and_short_forms),    TEST(test_options_arguments_come_last),
    TEST(test_options_double_dash_ends),        TEST(test_options_flags_take_values),
    TEST(test_options_errors_name_the_way_out), TEST(test_options_help_is_asked_for),
    TEST(test_options_help_fits_80_columns),    TEST(test_options_durations),
    TEST(test_options_decimals_are_exact),
};
TEST_MAIN(tests)
