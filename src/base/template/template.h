// SPDX-License-Identifier: Apache-2.0
/* Go's text/template over JSON, as --format takes it: "{{.ID}} {{json .State}}". Pure; any thread.
 *
 * Use: template_parse() once, template_execute() for each object, template_free().
 *
 * Known: text, comments, trim markers; fields (.State.Status), $variables (:= and =), parentheses,
 * pipelines, if/else if/else/end, with, range (also $index, $value :=; else), break, continue; Go's
 * functions and, or, not, eq, ne, lt, le, gt, ge, len, index, slice, print, printf, println, and
 * Docker's json, join, split, lower, upper, title, pad, truncate. Not known: define, template,
 * block, call.
 *
 * JSON has one kind of object where Go has structs and maps. A key that begins with a capital is
 * taken for a struct's field: a missing one is an error. Others are a map's (labels, ports): a
 * missing one prints as "<no value>" and is false.
 *
 * Spec: pkg.go.dev/text/template. */
#pragma once

#include <jansson.h>

#include "base/error.h"
#include "base/str.h"

struct template;

/* Errors are ERROR_USAGE and name the character at which the template goes wrong. */
int template_parse(const char *text, struct template **ret, struct error **err) NODISCARD;
void template_free(struct template *t);
DEFINE_CLEANUP(template, struct template *, template_free)

struct template_data {
    const json_t *value;   /* the dot */
    const json_t *methods; /* what a field with arguments looks into: {"Label": {…}} answers
                              {{.Label "x"}}, "" when absent; NULL: none */
    bool headers;          /* the dot holds column headings: json, lower, … leave them alone */
};

/* Appends the text to *out. On an error what was produced until then stays in *out. */
int template_execute(const struct template *t, const struct template_data *data, struct strbuf *out,
                     struct error **err) NODISCARD;
