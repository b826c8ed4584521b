// SPDX-License-Identifier: Apache-2.0
#include "build/lint.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "build/file/line.h"

struct linting {
    const struct build *b;
    struct strv skipped;
    int count;
    bool workdir_set; /* in this stage */
    int cmd_line, entrypoint_line, health_line;
    int upper, lower; /* keywords written so */
};

static void PRINTF_LIKE(4, 5)
    report(struct linting *l, const char *rule, int line, const char *format, ...)
{
    if (strv_contains(&l->skipped, rule) || strv_contains(&l->skipped, "all")) {
        return;
    }
    va_list ap;
    va_start(ap, format);
    CLEANUP(free) char *text = str_vformat(format, ap);
    va_end(ap);
    str_replace_control(text);
    printf("%s:%d: %s: %s\n", l->b->file.name, line, rule, text);
    l->count++;
}

/* "skip=A,B;error=true" */
static void read_directive(struct linting *l)
{
    CLEANUP(strv) struct strv parts = {0};
    strv_split(&parts, str_or(l->b->file.check, ""), ';');
    for (size_t i = 0; i < parts.count; i++) {
        if (str_starts(parts.items[i], "skip=")) {
            strv_split(&l->skipped, parts.items[i] + strlen("skip="), ',');
        }
    }
}

static bool is_case(const char *word, int (*test)(int))
{
    for (; *word; word++) {
        if (isalpha((unsigned char)*word) && !test((unsigned char)*word)) {
            return false;
        }
    }
    return true;
}

static void check_keyword(struct linting *l, const struct instruction *i)
{
    bool upper = is_case(i->keyword, isupper), lower = is_case(i->keyword, islower);
    if (!upper && !lower) {
        report(l, "ConsistentInstructionCasing", i->line,
               "'%s' is written in letters of both cases", i->keyword);
    } else if (l->lower > l->upper ? upper : lower) {
        report(l, "ConsistentInstructionCasing", i->line,
               "'%s' is not written in the case of most others", i->keyword);
    }
}

static void check_from(struct linting *l, const struct instruction *i, int stage)
{
    CLEANUP(strv) struct strv words = {0};
    line_words(i->rest, l->b->file.escape, &words);
    if (words.count == 3) {
        bool upper = is_case(i->keyword, isupper);
        if (upper != is_case(words.items[1], isupper)) {
            report(l, "FromAsCasing", i->line, "'%s' and '%s' are not in the same case",
                   words.items[1], i->keyword);
        }
        if (!is_case(words.items[2], islower)) {
            report(l, "StageNameCasing", i->line, "the stage's name '%s' should be lower case",
                   words.items[2]);
        }
        if (graph_find(l->b, words.items[2], stage) >= 0) {
            report(l, "DuplicateStageName", i->line, "there is a stage '%s' already",
                   words.items[2]);
        }
        if (strcasecmp(words.items[2], "scratch") == 0 ||
            strcasecmp(words.items[2], "context") == 0) {
            report(l, "ReservedStageName", i->line, "'%s' means something else", words.items[2]);
        }
    }
    for (size_t f = 0; f < i->flags.count; f++) {
        const char *value = strchr(i->flags.items[f], '=');
        if (value && str_equal(value, "=$TARGETPLATFORM")) {
            report(l, "RedundantTargetPlatform", i->line,
                   "--platform=$TARGETPLATFORM is the default");
        } else if (value && !strchr(value, '$')) {
            report(l, "FromPlatformFlagConstDisallowed", i->line,
                   "'%s' builds for one platform whatever was asked for", i->flags.items[f]);
        }
    }
    l->workdir_set = false;
    l->cmd_line = l->entrypoint_line = l->health_line = 0;
}

static void check_once(struct linting *l, const struct instruction *i, int *line)
{
    if (*line) {
        report(l, "MultipleInstructionsDisallowed", *line,
               "only the last %s of a stage counts: there is one more on line %d",
               instruction_name(i->kind), i->line);
    }
    *line = i->line;
}

static void check_secrets(struct linting *l, const struct instruction *i)
{
    static const char *const words[] = {"password", "passwd",  "secret",    "token",
                                        "apikey",   "api_key", "credential"};
    CLEANUP(strv) struct strv pairs = {0};
    line_words(i->rest, l->b->file.escape, &pairs);
    for (size_t n = 0; n < pairs.count; n++) {
        CLEANUP(free) char *name = xstrndup(pairs.items[n], strcspn(pairs.items[n], "="));
        for (size_t w = 0; w < ARRAY_SIZE(words); w++) {
            if (strcasestr(name, words[w])) {
                report(l, "SecretsUsedInArgOrEnv", i->line,
                       "'%s' would be in the image: use RUN --mount=type=secret", name);
                break;
            }
        }
        if (i->kind == I_ENV && n == 0 && !strchr(pairs.items[0], '=')) {
            report(l, "LegacyKeyValueFormat", i->line, "write ENV NAME=VALUE, not ENV NAME VALUE");
            break;
        }
    }
}

static void check_instruction(struct linting *l, const struct instruction *i)
{
    if ((i->kind == I_CMD || i->kind == I_ENTRYPOINT) && !i->is_json && i->rest[0]) {
        report(l, "JSONArgsRecommended", i->line,
               "%s as a JSON array gets signals; as a shell's line it does not",
               instruction_name(i->kind));
    }
    if (i->kind == I_CMD) {
        check_once(l, i, &l->cmd_line);
    } else if (i->kind == I_ENTRYPOINT) {
        check_once(l, i, &l->entrypoint_line);
    } else if (i->kind == I_HEALTHCHECK) {
        check_once(l, i, &l->health_line);
    } else if (i->kind == I_MAINTAINER) {
        report(l, "MaintainerDeprecated", i->line,
               "write LABEL org.opencontainers.image.authors=...");
    } else if (i->kind == I_WORKDIR) {
        if (i->rest[0] != '/' && i->rest[0] != '$' && !l->workdir_set) {
            report(l, "WorkdirRelativePath", i->line,
                   "'%s' is relative to whatever the base image has", i->rest);
        }
        l->workdir_set = true;
    } else if (i->kind == I_ENV || i->kind == I_ARG) {
        check_secrets(l, i);
    } else if (i->kind == I_EXPOSE && !is_case(i->rest, islower) && strchr(i->rest, '/')) {
        report(l, "ExposeProtoCasing", i->line, "write the protocol in lower case: '%s'", i->rest);
    }
}

int lint_print(const struct build *b)
{
    struct linting l = {.b = b};
    int stage = 0;
    read_directive(&l);
    for (size_t i = 0; i < b->file.count; i++) {
        l.upper += is_case(b->file.items[i].keyword, isupper);
        l.lower += is_case(b->file.items[i].keyword, islower);
    }
    for (size_t i = 0; i < b->file.count; i++) {
        const struct instruction *at = &b->file.items[i];
        check_keyword(&l, at);
        if (at->kind == I_FROM) {
            check_from(&l, at, stage++);
        } else {
            check_instruction(&l, at);
        }
    }
    if (b->file.has_empty_continuation) {
        report(&l, "NoEmptyContinuation", b->file.empty_continuation_line,
               "an empty line inside an instruction");
    }
    strv_done(&l.skipped);
    if (!l.count) {
        printf("no mistakes found\n");
    }
    return l.count > 0;
}
