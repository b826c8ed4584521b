// SPDX-License-Identifier: Apache-2.0
/* Words of a Dockerfile with their variables, quotes and escapes resolved, as BuildKit's shell
 * lexer: $name, ${name}, ${name:-word}, :+, :?, -, +, ?, #, ##, %, %%, /, //. Pure.
 *
 * Single quotes keep all as it is; double quotes keep blanks; the escape character takes the next
 * as it is. Specification: Dockerfile reference, "Environment replacement". */
#pragma once

#include "base/error.h"
#include "base/str.h"

struct expansion {
    char escape;
    /* The value of a variable, or NULL when it is not set. Borrowed until the next call. */
    const char *(*lookup)(void *context, const char *name);
    void *context;
    bool keep_quotes;   /* quotes and escapes stay: the content of a here-document */
    struct strv *unset; /* the names of plain $name that are not set are added; NULL: nobody asks */
};

/* ${a}${a} nested in variables doubles each time. */
#define EXPANSION_BYTES_MAX ((size_t)16 << 20)

/* One word, which may have blanks in the end. ERROR_INVALID_INPUT. The caller frees *ret. */
int expand_word(const struct expansion *e, const char *text, char **ret,
                struct error **err) NODISCARD;
/* Split at blanks outside quotes, also those that a variable brings. */
int expand_words(const struct expansion *e, const char *text, struct strv *ret,
                 struct error **err) NODISCARD;
