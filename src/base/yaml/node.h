// SPDX-License-Identifier: Apache-2.0
/* A YAML file as a tree of values that know where they stand, so that each complaint names file,
 * line and column. Nodes live in an arena and die with it; strings are NUL-terminated UTF-8. Pure.
 *
 * Use: base/yaml/yaml.h makes a tree; the reader of a Compose file checks it, writes short forms
 * long and puts one over another. A node that several places share (a YAML alias) is never changed:
 * those who change copy first (node_copy). */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"

enum node_kind {
    NODE_NULL,
    NODE_BOOL,
    NODE_INTEGER,
    NODE_NUMBER,
    NODE_STRING,
    NODE_LIST,
    NODE_MAP,
};

/* compose-spec 13-merge.md "Reset value", "Replace value" */
enum node_tag { TAG_NONE, TAG_RESET, TAG_OVERRIDE };

struct node_entry {
    const char *key;
    struct node *value;
    int line, column; /* of the key, from 1 */
};

struct node {
    enum node_kind kind;
    enum node_tag tag;
    const char *file; /* NULL: made by us */
    int line, column; /* from 1 */
    bool boolean;
    int64_t integer;
    double number;
    const char *text;           /* of any scalar, as written and interpolated */
    struct node **items;        /* of a list */
    struct node_entry *entries; /* of a map, in the file's order */
    size_t count;               /* of items or entries */
};

/* What stands at the place of `at` (which may be NULL). */
struct node *node_new(struct arena *a, enum node_kind kind, const struct node *at);
struct node *node_string(struct arena *a, const char *text, const struct node *at);
struct node *node_integer(struct arena *a, int64_t value, const struct node *at);
struct node *node_bool(struct arena *a, bool value, const struct node *at);
/* The tree again; scalars are shared, as they are never changed. */
struct node *node_copy(struct arena *a, const struct node *n);

/* NULL when there is none, or when `map` is NULL or no map. */
struct node *node_get(const struct node *map, const char *key);
const struct node_entry *node_entry_of(const struct node *map, const char *key);
/* The same along keys, ending with NULL. */
struct node *node_at(const struct node *map, ...) __attribute__((sentinel));
/* The text of a scalar there; NULL when there is none. */
const char *node_text(const struct node *map, const char *key);
bool node_true(const struct node *map, const char *key);
int64_t node_int(const struct node *map, const char *key, int64_t otherwise);

/* Sets or replaces; the key is copied. */
void node_set(struct arena *a, struct node *map, const char *key, struct node *value);
void node_remove(struct node *map, const char *key);
void node_append(struct arena *a, struct node *list, struct node *item);
/* Entries in the order of their keys, all through the tree. */
void node_sort(struct node *n);

bool node_is_scalar(const struct node *n);
bool node_is_empty(const struct node *n); /* NULL, null, {} or [] */
bool node_equal(const struct node *a, const struct node *b);
/* A new reference. */
json_t *node_to_json(const struct node *n);

/* "FILE:LINE:COLUMN: <text>", ERROR_INVALID_INPUT. */
int node_error(const struct node *at, struct error **err, const char *format, ...)
    PRINTF_LIKE(3, 4);
const char *node_kind_name(enum node_kind kind); /* "a list" */
