// SPDX-License-Identifier: Apache-2.0
/* A Dockerfile as instructions: lines joined, comments dropped, here-documents gathered, flags
 * taken apart; nothing expanded yet. Pure; any thread. What is wrong is one error that names file
 * and line: "Dockerfile:3: unknown instruction 'FORM' (did you mean 'FROM'?)".
 *
 * Specification: the Dockerfile reference of docker/dockerfile:1 ("Format", "Parser directives",
 * "Here-documents"). */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "base/str.h"

#define DOCKERFILE_BYTES_MAX ((size_t)2 << 20)

enum instruction_kind {
    I_ADD,
    I_ARG,
    I_CMD,
    I_COPY,
    I_ENTRYPOINT,
    I_ENV,
    I_EXPOSE,
    I_FROM,
    I_HEALTHCHECK,
    I_LABEL,
    I_MAINTAINER,
    I_ONBUILD,
    I_RUN,
    I_SHELL,
    I_STOPSIGNAL,
    I_USER,
    I_VOLUME,
    I_WORKDIR,
    I_KIND_COUNT,
};

struct heredoc {
    char *name;    /* "EOF" */
    char *content; /* with its last newline; tabs stripped for "<<-" */
    char *raw;     /* as it stands in the file */
    bool expand;   /* its name was not quoted */
};

struct instruction {
    enum instruction_kind kind;
    char *keyword;     /* as written: "Run" */
    struct strv flags; /* "--from=x", quotes and escapes undone */
    char *rest;        /* behind keyword and flags, joined, trimmed */
    struct strv json;  /* the strings of its JSON array, where is_json */
    bool is_json;      /* `rest` is one, and the instruction takes one */
    struct heredoc *heredocs;
    size_t heredoc_count;
    int line, last_line; /* 1 is the first */
};

struct dockerfile {
    char *name; /* for messages */
    char escape;
    char *syntax, *check; /* directives, or NULL */
    struct instruction *items;
    size_t count;
    struct strv lines;           /* the file's own, for excerpts */
    bool has_empty_continuation; /* a line that continues is followed by an empty one */
    int empty_continuation_line;
};

/* The caller ends *ret with dockerfile_done(), also after an error. ERROR_INVALID_INPUT. */
int dockerfile_parse(const char *name, const char *text, size_t len, struct dockerfile *ret,
                     struct error **err) NODISCARD;
void dockerfile_done(struct dockerfile *d);
static inline void dockerfile_cleanup(struct dockerfile *d)
{
    dockerfile_done(d);
}

/* One instruction's text, as ONBUILD keeps it. `line` is for messages. */
int instruction_parse(const char *name, const char *text, char escape, int line,
                      struct instruction *ret, struct error **err) NODISCARD;
void instruction_done(struct instruction *i);

const char *instruction_name(enum instruction_kind kind);

/* Sets "FILE:LINE: <format>". Returns -EINVAL. */
int dockerfile_error(const char *name, int line, struct error **err, const char *format, ...)
    PRINTF_LIKE(4, 5);
/* The nearest word of a NULL-terminated list, or NULL. */
const char *nearest_word(const char *word, const char *const *list);
