// SPDX-License-Identifier: Apache-2.0
/* How verbs print objects: --format "", "table", "table TEMPLATE", "json" or TEMPLATE, over JSON
 * objects with Docker's field names.
 *
 * For a list: list_begin(), list_row() for each, list_end(); or list_cancel() on a failure of the
 * verb's own. A table is printed at the end, when its columns' widths are known; other forms row by
 * row. Side effects: writes to standard output. */
#pragma once

#include "base/json.h"

struct list_column { /* one field of the rows and its heading in a table */
    const char *key, *heading;
};

struct list;

/* `format` may be NULL or empty: the table with `default_template` ("{{.ID}}\t{{.Names}}").
 * `columns` ends with a NULL key. Errors are ERROR_USAGE. */
int list_begin(const char *format, const char *default_template, const struct list_column *columns,
               struct list **ret, struct error **err) NODISCARD;

/* Takes the row's reference. `methods` (borrowed, may be NULL) answers {{.Label "x"}}: see
 * base/template/template.h. */
int list_row(struct list *l, json_t *row_take, const json_t *methods, struct error **err) NODISCARD;

/* Prints what is left and frees. */
void list_end(struct list *l);
void list_cancel(struct list *l);

/* One object: "json" or "" prints it as JSON (indented when `indent`), a template what it makes, a
 * line end behind it. */
int print_object(const char *format, const json_t *object, bool indent,
                 struct error **err) NODISCARD;

/* The help of a --format option, the same for every verb. */
#define FORMAT_OPTION_HELP "Print with a Go template, or 'json'"
#define LIST_FORMAT_OPTION_HELP "Print with 'table', 'table TEMPLATE', 'json' or a Go template"
