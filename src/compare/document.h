// SPDX-License-Identifier: Apache-2.0
/* A comparison as a JSON document: what is measured goes in, the views (table, page, advice) come
 * out of it alone, so that nothing can be shown that is not in the file. Its schema is in
 * docs/compare.md. Pure; the values are put in as they come, document_sum_up() computes the rest.
 *
 *     document_new → document_add, document_fail … → document_sum_up → views */
#pragma once

#include "base/json.h"

#define DOCUMENT_SCHEMA "cloison-compare-1"
#define WALL_NATIVE "none"

struct criterion {
    const char *name, *title, *unit;
    bool higher_is_better;
};

json_t *document_new(void);

/* Round `round` (from 0) of this criterion behind this wall gave `value`, by `command`. */
void document_add(json_t *doc, const struct criterion *c, const char *wall, const char *command,
                  int round, double value);

/* Something did not work behind this wall: told once, however often it happens again. */
void document_fail(json_t *doc, const char *wall, const char *what, const char *why);

/* The part of `doc` for a wall ("walls", "facts", "memory"), made when missing. Borrowed. */
json_t *document_part(json_t *doc, const char *part, const char *wall);

/* Medians, intervals, verdicts, and ratios to native: round by round, since the values of one round
 * were measured one after the other. Can be repeated. */
void document_sum_up(json_t *doc);

/* Reading. A criterion's figure behind a wall: its object, or NULL. Borrowed. */
const json_t *document_figure(const json_t *doc, const char *criterion, const char *wall);
const json_t *document_criterion(const json_t *doc, const char *criterion);
double document_number(const json_t *object, const char *key);    /* NAN: not there */
const char *document_text(const json_t *object, const char *key); /* "" */
bool document_wall_is_emulated(const json_t *doc, const char *wall);

/* Whether what was read from a file has this schema and the parts that the views walk. */
int document_check(const json_t *doc, const char *where, struct error **err) NODISCARD;
