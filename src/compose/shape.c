// SPDX-License-Identifier: Apache-2.0
#include "compose/shape.h"

#include <string.h>

#include "base/options.h"

const struct shape *shape_find(const struct shape *rows, const char *key)
{
    for (; rows && rows->key; rows++) {
        if (str_equal(rows->key, key)) {
            return rows;
        }
    }
    return NULL;
}

static bool same_value(const struct node *a, const struct node *b, const char *key)
{
    return str_equal(str_or(node_text(a, key), ""), str_or(node_text(b, key), ""));
}

bool shape_same_item(const struct shape *row, const struct node *a, const struct node *b)
{
    if (!row->identity || a->kind != b->kind) {
        return false;
    }
    if (!*row->identity || node_is_scalar(a)) {
        return node_is_scalar(a) && str_equal(a->text, b->text);
    }
    CLEANUP(strv) struct strv keys = {0};
    strv_split(&keys, row->identity, ',');
    for (size_t i = 0; i < keys.count; i++) {
        if (!same_value(a, b, keys.items[i])) {
            return false;
        }
    }
    return true;
}

int shape_wrong_kind(struct shaper *s, const struct node *in, const char *path, const char *wanted)
{
    return node_error(in, s->err, "%s must be %s, not %s", path, wanted, node_kind_name(in->kind));
}

static int shape_value(struct shaper *s, const struct shape *row, const struct node *in,
                       const char *path, struct node **ret);

/* A third of the letters may be wrong. */
static const char *nearest(const struct shape *rows, const char *key)
{
    const char *best = NULL;
    size_t best_distance = strlen(key) / 3 + 2;
    for (; rows->key; rows++) {
        size_t d = str_distance(key, rows->key);
        if (d < best_distance) {
            best = rows->key;
            best_distance = d;
        }
    }
    return best;
}

static int unknown_key(struct shaper *s, const struct shape *rows, const struct node *map,
                       const struct node_entry *e, const char *path)
{
    struct node at = *map;
    at.line = e->line;
    at.column = e->column;
    const char *near = nearest(rows, e->key);
    int r = node_error(&at, s->err, "unknown key '%s'%s%s", e->key, *path ? " in " : "", path);
    return near ? error_hint(s->err, r, "did you mean '%s'?", near)
                : error_hint(s->err, r, "keys of your own begin with 'x-'");
}

static char *path_below(struct arena *a, const char *path, const char *key)
{
    return arena_format(a, "%s%s%s", path, *path ? "." : "", key);
}

static void note_ignored(struct shaper *s, const struct shape *row)
{
    if (s->ignored && !strv_contains(s->ignored, row->key)) {
        strv_add(s->ignored, row->key);
    }
}

/* 1: the entry is left out. */
static int check_standing(struct shaper *s, const struct shape *row, const struct node *value,
                          const char *path)
{
    if (row->standing == STANDING_REFUSED) {
        return node_error(value, s->err,
                          "%s is not supported: this engine has nothing to do it with", path);
    }
    if (row->standing != STANDING_SERVED) {
        note_ignored(s, row);
        return 1;
    }
    return 0;
}

static int shape_entry(struct shaper *s, const struct shape *row, const struct node_entry *e,
                       const char *path, struct node *out)
{
    struct node *value = NULL;
    int r = check_standing(s, row, e->value, path);
    if (r != 0) {
        return r < 0 ? r : 0;
    }
    if (e->value->tag == TAG_RESET) {
        value = node_new(s->arena, NODE_NULL, e->value);
        value->tag = TAG_RESET;
    } else {
        r = shape_value(s, row, e->value, path, &value);
    }
    if (r == 0 && value) {
        node_set(s->arena, out, e->key, value);
    }
    return r;
}

static int shape_object(struct shaper *s, const struct shape *rows, const struct node *in,
                        const char *path, struct node **ret)
{
    static const struct shape extension = {"x-", SHAPE_ANY};
    if (in->kind != NODE_MAP) {
        return shape_wrong_kind(s, in, *path ? path : "the file", "a map");
    }
    struct node *out = node_new(s->arena, NODE_MAP, in);
    out->tag = in->tag;
    for (size_t i = 0; i < in->count; i++) {
        const struct node_entry *e = &in->entries[i];
        const struct shape *row = shape_find(rows, e->key);
        if (!row && str_starts(e->key, "x-")) {
            row = &extension;
        }
        int r = row ? shape_entry(s, row, e, path_below(s->arena, path, e->key), out)
                    : unknown_key(s, rows, in, e, path);
        if (r < 0) {
            return r;
        }
    }
    *ret = out;
    return 0;
}

/* Names of services, networks and so on: compose-spec's ^[a-zA-Z0-9._-]+$. */
static int check_name(struct shaper *s, const struct node *map, const struct node_entry *e,
                      const char *path)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    if (*e->key && strspn(e->key, allowed) == strlen(e->key)) {
        return 0;
    }
    struct node at = *map;
    at.line = e->line;
    at.column = e->column;
    return node_error(&at, s->err, "'%s' is no name for one of %s: letters, digits, '.', '_', '-'",
                      e->key, path);
}

static int shape_map(struct shaper *s, const struct shape *row, const struct node *in,
                     const char *path, struct node **ret)
{
    if (in->kind != NODE_MAP) {
        return shape_wrong_kind(s, in, path, "a map");
    }
    struct node *out = node_new(s->arena, NODE_MAP, in);
    out->tag = in->tag;
    for (size_t i = 0; i < in->count; i++) {
        const struct node_entry *e = &in->entries[i];
        const char *below = path_below(s->arena, path, e->key);
        int r = check_name(s, in, e, path);
        if (r == 0 && e->value->kind == NODE_NULL && e->value->tag == TAG_NONE &&
            !row->inner->keeps_null) {
            r = shape_wrong_kind(s, e->value, below, "a map");
        }
        if (r == 0) {
            r = shape_entry(s, row->inner, e, below, out);
        }
        if (r < 0) {
            return r;
        }
    }
    *ret = out;
    return 0;
}

/* compose-spec's "uniqueItems": the same thing twice in one file is a mistake. */
static int check_unique(struct shaper *s, const struct shape *row, const struct node *list,
                        const char *path)
{
    for (size_t i = 1; row->identity && i < list->count; i++) {
        for (size_t k = 0; k < i; k++) {
            if (list->items[i]->kind != NODE_NULL &&
                shape_same_item(row, list->items[i], list->items[k])) {
                return node_error(list->items[i], s->err, "%s has this twice, first on line %d",
                                  path, list->items[k]->line);
            }
        }
    }
    return 0;
}

static int shape_list(struct shaper *s, const struct shape *row, const struct node *in,
                      const char *path, struct node **ret)
{
    if (in->kind != NODE_LIST) {
        return shape_wrong_kind(s, in, path, "a list");
    }
    struct node *out = node_new(s->arena, NODE_LIST, in);
    out->tag = in->tag;
    for (size_t i = 0; i < in->count; i++) {
        struct node *item = NULL;
        int r = shape_value(s, row->inner, in->items[i], path, &item);
        if (r < 0) {
            return r;
        }
        if (item) {
            node_append(s->arena, out, item);
        }
    }
    *ret = out;
    return 0;
}

static int shape_strings(struct shaper *s, const struct node *in, const char *path,
                         struct node **ret)
{
    if (in->kind != NODE_LIST) {
        return shape_wrong_kind(s, in, path, "a list");
    }
    struct node *out = node_new(s->arena, NODE_LIST, in);
    out->tag = in->tag;
    for (size_t i = 0; i < in->count; i++) {
        const struct node *item = in->items[i];
        if (!node_is_scalar(item) || item->kind == NODE_NULL) {
            return shape_wrong_kind(s, item, path, "a list of strings");
        }
        node_append(s->arena, out, node_string(s->arena, item->text, item));
    }
    *ret = out;
    return 0;
}

static int shape_command(struct shaper *s, const struct node *in, const char *path,
                         struct node **ret)
{
    if (!node_is_scalar(in)) {
        return shape_strings(s, in, path, ret);
    }
    CLEANUP(strv) struct strv words = {0};
    CLEANUP(error) struct error *mine = NULL;
    if (split_words(in->text, &words, &mine) < 0) {
        return node_error(in, s->err, "%s: %s", path, mine->message);
    }
    struct node *out = node_new(s->arena, NODE_LIST, in);
    out->tag = in->tag;
    for (size_t i = 0; i < words.count; i++) {
        node_append(s->arena, out, node_string(s->arena, words.items[i], in));
    }
    *ret = out;
    return 0;
}

static int pair_from_text(struct shaper *s, const struct node *item, const char *path,
                          struct node *out)
{
    if (!node_is_scalar(item) || item->kind == NODE_NULL) {
        return shape_wrong_kind(s, item, path, "a list of KEY=VALUE");
    }
    const char *equals = strchr(item->text, '=');
    const char *key =
        equals ? arena_strndup(s->arena, item->text, (size_t)(equals - item->text)) : item->text;
    if (!*key) {
        return node_error(item, s->err, "%s: '%s' has no key before '='", path, item->text);
    }
    node_set(s->arena, out, key,
             equals ? node_string(s->arena, equals + 1, item)
                    : node_new(s->arena, NODE_NULL, item));
    return 0;
}

static int shape_pairs(struct shaper *s, const struct node *in, const char *path, struct node **ret)
{
    if (node_is_scalar(in)) {
        return shape_wrong_kind(s, in, path, "a map, or a list of KEY=VALUE");
    }
    struct node *out = node_new(s->arena, NODE_MAP, in);
    out->tag = in->tag;
    for (size_t i = 0; in->kind == NODE_LIST && i < in->count; i++) {
        int r = pair_from_text(s, in->items[i], path, out);
        if (r < 0) {
            return r;
        }
    }
    for (size_t i = 0; in->kind == NODE_MAP && i < in->count; i++) {
        const struct node_entry *e = &in->entries[i];
        if (!node_is_scalar(e->value)) {
            return shape_wrong_kind(s, e->value, path_below(s->arena, path, e->key), "a string");
        }
        struct node *value = e->value->kind == NODE_NULL
                                 ? node_new(s->arena, NODE_NULL, e->value)
                                 : node_string(s->arena, e->value->text, e->value);
        value->tag = e->value->tag;
        node_set(s->arena, out, e->key, value);
    }
    *ret = out;
    return 0;
}

static int shape_bool(struct shaper *s, const struct node *in, const char *path, struct node **ret)
{
    static const char *const trues[] = {"true", "True", "TRUE", "yes", "on", "y", "1", NULL};
    static const char *const falses[] = {"false", "False", "FALSE", "no", "off", "n", "0", NULL};
    if (!str_in(in->text, trues) && !str_in(in->text, falses)) {
        return node_error(in, s->err, "%s must be true or false, not '%s'", path, in->text);
    }
    *ret = node_bool(s->arena, str_in(in->text, trues), in);
    return 0;
}

static int shape_int(struct shaper *s, const struct node *in, const char *path, struct node **ret)
{
    int64_t value = 0;
    if (in->kind == NODE_INTEGER) {
        value = in->integer;
    } else if (str_to_i64(in->text, 10, &value) < 0) {
        return node_error(in, s->err, "%s must be a whole number, not '%s'", path, in->text);
    }
    *ret = node_integer(s->arena, value, in);
    return 0;
}

static int shape_number(struct shaper *s, const struct node *in, const char *path,
                        struct node **ret)
{
    char *end = NULL;
    double value = strtod(in->text, &end);
    if (!*in->text || *end || value < 0 || value > 1e15) {
        return node_error(in, s->err, "%s must be a number, not '%s'", path, in->text);
    }
    struct node *n = node_new(s->arena, NODE_NUMBER, in);
    n->number = value;
    n->text = arena_strdup(s->arena, in->text);
    *ret = value == (double)(int64_t)value ? node_integer(s->arena, (int64_t)value, in) : n;
    return 0;
}

static int shape_bytes(struct shaper *s, const struct node *in, const char *path, struct node **ret)
{
    int64_t value = 0;
    if (str_equal(in->text, "-1")) {
        value = -1;
    } else if (str_to_bytes(in->text, &value) < 0) {
        return node_error(in, s->err, "%s must be a size as '512m' or '2g', not '%s'", path,
                          in->text);
    }
    *ret = node_new(s->arena, NODE_STRING, in);
    (*ret)->text = arena_format(s->arena, "%lld", (long long)value);
    return 0;
}

static int shape_duration(struct shaper *s, const struct node *in, const char *path,
                          struct node **ret)
{
    int64_t ms = 0;
    bool bare = strspn(in->text, "0123456789.") == strlen(in->text) && !str_equal(in->text, "0");
    if (bare || option_parse_duration_ms(in->text, &ms) < 0) {
        return node_error(in, s->err, "%s must be a duration as '1m30s' or '500ms', not '%s'", path,
                          in->text);
    }
    CLEANUP(free) char *text = duration_text(ms);
    *ret = node_string(s->arena, text, in);
    return 0;
}

static int shape_string(struct shaper *s, const struct shape *row, const struct node *in,
                        const char *path, struct node **ret)
{
    if (row->words && *in->text) {
        CLEANUP(strv) struct strv words = {0};
        strv_split(&words, row->words, ' ');
        if (!strv_contains(&words, in->text)) {
            return node_error(in, s->err, "%s is '%s', which is none of: %s", path, in->text,
                              row->words);
        }
    }
    *ret = node_string(s->arena, in->text, in);
    return 0;
}

static int shape_scalar(struct shaper *s, const struct shape *row, const struct node *in,
                        const char *path, struct node **ret)
{
    if (!node_is_scalar(in)) {
        return shape_wrong_kind(s, in, path, "a single value");
    }
    switch ((int)row->kind) {
    case SHAPE_BOOL:
        return shape_bool(s, in, path, ret);
    case SHAPE_INT:
        return shape_int(s, in, path, ret);
    case SHAPE_NUMBER:
        return shape_number(s, in, path, ret);
    case SHAPE_BYTES:
        return shape_bytes(s, in, path, ret);
    case SHAPE_DURATION:
        return shape_duration(s, in, path, ret);
    case SHAPE_PATH:
        *ret = node_string(s->arena, shape_path(s, in->text), in);
        return 0;
    case SHAPE_CONTEXT:
        *ret = strstr(in->text, "://") || str_starts(in->text, "git@")
                   ? node_string(s->arena, in->text, in)
                   : node_string(s->arena, shape_path(s, in->text), in);
        return 0;
    default:
        return shape_string(s, row, in, path, ret);
    }
}

static int shape_by_kind(struct shaper *s, const struct shape *row, const struct node *in,
                         const char *path, struct node **ret)
{
    switch (row->kind) {
    case SHAPE_ANY:
        *ret = node_copy(s->arena, in);
        return 0;
    case SHAPE_STRING_LIST:
        if (node_is_scalar(in)) {
            *ret = node_new(s->arena, NODE_LIST, in);
            (*ret)->tag = in->tag;
            node_append(s->arena, *ret, node_string(s->arena, in->text, in));
            return 0;
        }
        return shape_strings(s, in, path, ret);
    case SHAPE_STRINGS:
        return shape_strings(s, in, path, ret);
    case SHAPE_COMMAND:
        return shape_command(s, in, path, ret);
    case SHAPE_PAIRS:
        return shape_pairs(s, in, path, ret);
    case SHAPE_OBJECT:
        return shape_object(s, row->inner, in, path, ret);
    case SHAPE_MAP:
        return shape_map(s, row, in, path, ret);
    case SHAPE_LIST:
        return shape_list(s, row, in, path, ret);
    case SHAPE_STRING:
    case SHAPE_BOOL:
    case SHAPE_INT:
    case SHAPE_NUMBER:
    case SHAPE_BYTES:
    case SHAPE_DURATION:
    case SHAPE_PATH:
    case SHAPE_CONTEXT:
        break;
    }
    return shape_scalar(s, row, in, path, ret);
}

/* *ret stays NULL for what is left out: a key without a value. */
static int shape_value(struct shaper *s, const struct shape *row, const struct node *in,
                       const char *path, struct node **ret)
{
    if (in->kind == NODE_NULL && in->tag == TAG_NONE) {
        *ret = row->keeps_null ? node_new(s->arena, NODE_NULL, in) : NULL;
        return 0;
    }
    struct node *expanded = NULL;
    if (row->expand) {
        int r = row->expand(s, in, path, &expanded);
        if (r < 0) {
            return r;
        }
        expanded->tag = in->tag;
        in = expanded;
    }
    int r = shape_by_kind(s, row, in, path, ret);
    if (r == 0 && *ret && (*ret)->tag == TAG_NONE) {
        (*ret)->tag = in->tag;
    }
    if (r == 0 && *ret && (*ret)->kind == NODE_LIST) {
        r = check_unique(s, row, *ret, path);
    }
    return r;
}

int shape_file(struct shaper *s, const struct node *in, struct node **ret, struct error **err)
{
    s->err = err;
    return shape_object(s, shape_root, in, "", ret);
}
