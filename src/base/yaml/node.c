// SPDX-License-Identifier: Apache-2.0
#include "base/yaml/node.h"

#include <stdlib.h>
#include <string.h>

struct node *node_new(struct arena *a, enum node_kind kind, const struct node *at)
{
    struct node *n = arena_alloc(a, sizeof(*n));
    n->kind = kind;
    if (at) {
        n->file = at->file;
        n->line = at->line;
        n->column = at->column;
    }
    return n;
}

struct node *node_string(struct arena *a, const char *text, const struct node *at)
{
    struct node *n = node_new(a, NODE_STRING, at);
    n->text = arena_strdup(a, text);
    return n;
}

struct node *node_integer(struct arena *a, int64_t value, const struct node *at)
{
    struct node *n = node_new(a, NODE_INTEGER, at);
    n->integer = value;
    n->text = arena_format(a, "%lld", (long long)value);
    return n;
}

struct node *node_bool(struct arena *a, bool value, const struct node *at)
{
    struct node *n = node_new(a, NODE_BOOL, at);
    n->boolean = value;
    n->text = value ? "true" : "false";
    return n;
}

struct node *node_copy(struct arena *a, const struct node *n)
{
    struct node *c = arena_dup(a, n, sizeof(*n));
    if (n->kind == NODE_LIST) {
        c->items = NULL;
        c->count = 0;
        for (size_t i = 0; i < n->count; i++) {
            node_append(a, c, node_copy(a, n->items[i]));
        }
    } else if (n->kind == NODE_MAP) {
        c->entries = NULL;
        c->count = 0;
        for (size_t i = 0; i < n->count; i++) {
            struct node_entry *e = arena_push(a, c->entries, c->count);
            *e = n->entries[i];
            e->value = node_copy(a, n->entries[i].value);
        }
    }
    return c;
}

const struct node_entry *node_entry_of(const struct node *map, const char *key)
{
    if (!map || map->kind != NODE_MAP) {
        return NULL;
    }
    for (size_t i = 0; i < map->count; i++) {
        if (str_equal(map->entries[i].key, key)) {
            return &map->entries[i];
        }
    }
    return NULL;
}

struct node *node_get(const struct node *map, const char *key)
{
    const struct node_entry *e = node_entry_of(map, key);
    return e ? e->value : NULL;
}

struct node *node_at(const struct node *map, ...)
{
    va_list keys;
    va_start(keys, map);
    struct node *n = (struct node *)map;
    for (const char *key; n && (key = va_arg(keys, const char *));) {
        n = node_get(n, key);
    }
    va_end(keys);
    return n;
}

const char *node_text(const struct node *map, const char *key)
{
    const struct node *n = node_get(map, key);
    return n && n->kind != NODE_NULL ? n->text : NULL;
}

bool node_true(const struct node *map, const char *key)
{
    const struct node *n = node_get(map, key);
    return n && n->kind == NODE_BOOL && n->boolean;
}

int64_t node_int(const struct node *map, const char *key, int64_t otherwise)
{
    const struct node *n = node_get(map, key);
    return n && n->kind == NODE_INTEGER ? n->integer : otherwise;
}

void node_set(struct arena *a, struct node *map, const char *key, struct node *value)
{
    struct node_entry *e = (struct node_entry *)node_entry_of(map, key);
    if (e) {
        e->value = value;
        return;
    }
    e = arena_push(a, map->entries, map->count);
    *e = (struct node_entry){arena_strdup(a, key), value, value->line, value->column};
}

void node_remove(struct node *map, const char *key)
{
    const struct node_entry *e = node_entry_of(map, key);
    if (e) {
        size_t index = (size_t)(e - map->entries);
        memmove(&map->entries[index], e + 1, (map->count - index - 1) * sizeof(*e));
        map->count--;
    }
}

void node_append(struct arena *a, struct node *list, struct node *item)
{
    *arena_push(a, list->items, list->count) = item;
}

static int compare_entries(const void *a, const void *b)
{
    return strcmp(((const struct node_entry *)a)->key, ((const struct node_entry *)b)->key);
}

void node_sort(struct node *n)
{
    if (n->kind == NODE_LIST) {
        for (size_t i = 0; i < n->count; i++) {
            node_sort(n->items[i]);
        }
    } else if (n->kind == NODE_MAP && n->count > 0) {
        qsort(n->entries, n->count, sizeof(*n->entries), compare_entries);
        for (size_t i = 0; i < n->count; i++) {
            node_sort(n->entries[i].value);
        }
    }
}

bool node_is_scalar(const struct node *n)
{
    return n->kind != NODE_LIST && n->kind != NODE_MAP;
}

bool node_is_empty(const struct node *n)
{
    return !n || n->kind == NODE_NULL || (!node_is_scalar(n) && n->count == 0);
}

static bool lists_equal(const struct node *a, const struct node *b)
{
    for (size_t i = 0; i < a->count; i++) {
        if (!node_equal(a->items[i], b->items[i])) {
            return false;
        }
    }
    return true;
}

static bool maps_equal(const struct node *a, const struct node *b)
{
    for (size_t i = 0; i < a->count; i++) {
        const struct node_entry *e = node_entry_of(b, a->entries[i].key);
        if (!e || !node_equal(a->entries[i].value, e->value)) {
            return false;
        }
    }
    return true;
}

bool node_equal(const struct node *a, const struct node *b)
{
    if (!a || !b || a->kind != b->kind || a->count != b->count) {
        return a == b;
    }
    return a->kind == NODE_LIST  ? lists_equal(a, b)
           : a->kind == NODE_MAP ? maps_equal(a, b)
                                 : str_equal(a->text, b->text);
}

json_t *node_to_json(const struct node *n)
{
    json_t *json;
    switch (n->kind) {
    case NODE_BOOL:
        return json_boolean(n->boolean);
    case NODE_INTEGER:
        return json_integer(n->integer);
    case NODE_NUMBER:
        return json_real(n->number);
    case NODE_STRING:
        json = json_string(n->text);
        return json ? json : json_string("");
    case NODE_LIST:
        json = json_array();
        for (size_t i = 0; i < n->count; i++) {
            json_array_append_new(json, node_to_json(n->items[i]));
        }
        return json;
    case NODE_MAP:
        json = json_object();
        for (size_t i = 0; i < n->count; i++) {
            json_object_set_new(json, n->entries[i].key, node_to_json(n->entries[i].value));
        }
        return json;
    case NODE_NULL:
        break;
    }
    return json_null();
}

int node_error(const struct node *at, struct error **err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    CLEANUP(free) char *text = str_vformat(format, args);
    va_end(args);
    if (!at || !at->file) {
        return error_set(err, ERROR_INVALID_INPUT, 0, "%s", text);
    }
    return error_set(err, ERROR_INVALID_INPUT, 0, "%s:%d:%d: %s", at->file, at->line, at->column,
                     text);
}

const char *node_kind_name(enum node_kind kind)
{
    static const char *const names[] = {
        [NODE_NULL] = "nothing",    [NODE_BOOL] = "true or false", [NODE_INTEGER] = "a number",
        [NODE_NUMBER] = "a number", [NODE_STRING] = "a string",    [NODE_LIST] = "a list",
        [NODE_MAP] = "a map",
    };
    return names[kind];
}
