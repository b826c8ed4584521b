// SPDX-License-Identifier: Apache-2.0
/* What people read: made from a comparison's document alone (document.h), so that nothing is shown
 * that is not in the file. Pure. */
#pragma once

#include "compare/document.h"

/* The table for a terminal: a row a criterion, a column a wall, each figure with its spread, ratio
 * to native and n; then memory, size, the wall's facts, failures, and the commands. `columns`: of
 * the terminal. The caller frees. */
char *view_table(const json_t *doc);

/* A figure as people write it: three digits, "1.23 ms"; large milliseconds as seconds and so on.
 * The caller frees. */
char *view_quantity(double value, const char *unit);

/* A wall as it is called: "native", "container", "vm", "vm (emulated)". The caller frees. */
char *view_wall_name(const json_t *doc, const char *wall);

/* A fact in words, of those that cloison-probe tells: "kernel": "its own (6.1.0)". */
struct view_fact {
    const char *title;
    char *(*words)(const json_t *doc, const char *wall);
};
extern const struct view_fact view_facts[]; /* title NULL ends */
