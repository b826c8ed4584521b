// SPDX-License-Identifier: Apache-2.0
/* Ten thousand Dockerfiles made at random, from what Dockerfiles are made of and what they are not:
 * each is parsed, or refused with the file's name and a line; each word of it is expanded or
 * refused. */
#include <stdint.h>

#include "base/test.h"
#include "build/file/dockerfile.h"
#include "build/file/expand.h"
#include "build/file/ignore.h"
#include "build/file/line.h"

#define COUNT 10000
#define SEED 20260214

static uint64_t state = SEED;

static unsigned below(unsigned limit)
{
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (unsigned)((state * UINT64_C(2685821657736338717)) >> 33) % limit;
}

static const char *const words[] = {
    "FROM",        "from",        "RUN",        "COPY",        "ADD",
    "ENV",         "ARG",         "CMD",        "ENTRYPOINT",  "LABEL",
    "EXPOSE",      "VOLUME",      "USER",       "WORKDIR",     "SHELL",
    "ONBUILD",     "HEALTHCHECK", "STOPSIGNAL", "MAINTAINER",  "busybox",
    "scratch",     "AS",          "base",       "--from=base", "--mount=type=cache,target=/x",
    "--chown=1:2", "--link",      "--",         "A=b",         "A=\"b c\"",
    "$A",          "${A:-x}",     "${A##*/}",   "${A//a/b}",   "${",
    "\\",          "`",           "\"",         "'",           "[\"sh\", \"-c\"]",
    "[\"sh\"",     "<<EOF",       "<<-'E'",     "3<<X",        "EOF",
    "E",           "X",           "#",          "# syntax=a",  "# escape=`",
    "&&",          "apt",         "/a/b",       ".",           "80/tcp",
    "http://x/y",  "\t",          "NONE",       "\xc3\xa9",    "=",
};
#define FIRST_BASE 19 /* where the instructions' own words end */

static void add_line(struct strbuf *text)
{
    unsigned count = below(7);
    if (below(4)) { /* mostly an instruction */
        strbuf_addf(text, "%s ", words[below(FIRST_BASE)]);
    }
    for (unsigned i = 0; i < count; i++) {
        strbuf_addf(text, "%s%s", words[below(ARRAY_SIZE(words))], below(8) ? " " : "");
    }
    strbuf_adds(text, below(6) ? "\n" : below(2) ? "\\\n" : "\r\n");
}

static const char *lookup(void *context, const char *name)
{
    return name[0] == 'A' ? "/some/value a" : NULL;
}

static void check_file(const struct dockerfile *d)
{
    struct expansion e = {.escape = d->escape, .lookup = lookup};
    for (size_t i = 0; i < d->count; i++) {
        const struct instruction *at = &d->items[i];
        CLEANUP(free) char *word = NULL;
        CLEANUP(strv) struct strv parts = {0};
        CHECK(at->line >= 1 && at->line <= at->last_line);
        CHECK(at->last_line <= (int)d->lines.count);
        IGNORE(expand_word(&e, at->rest, &word, NULL));
        IGNORE(expand_words(&e, at->rest, &parts, NULL));
    }
}

static void test_generated_dockerfiles_parse_or_name_their_line(void)
{
    int parsed = 0;
    printf("# seed %d\n", SEED);
    for (int n = 0; n < COUNT; n++) {
        CLEANUP(strbuf) struct strbuf text = {0};
        CLEANUP(dockerfile) struct dockerfile d = {0};
        CLEANUP(error) struct error *err = NULL;
        CLEANUP(ignore) struct ignore ignore = {0};
        strbuf_adds(&text, below(10) ? "FROM busybox\n" : "");
        for (unsigned lines = below(12); lines > 0; lines--) {
            add_line(&text);
        }
        int r = dockerfile_parse("D", text.data ? text.data : "", text.len, &d, &err);
        if (r == 0) {
            parsed++;
            check_file(&d);
        } else {
            CHECK(str_starts(err->message, "D:"));
        }
        IGNORE(ignore_parse("I", text.data ? text.data : "", &ignore, NULL));
    }
    CHECK(parsed > COUNT / 20 && parsed < COUNT); /* both happen */
}

static const struct test tests[] = {
    TEST(test_generated_dockerfiles_parse_or_name_their_line),
};
TEST_MAIN(tests)
