// SPDX-License-Identifier: Apache-2.0
#include "compose/merge.h"

const struct shape merge_root = {"", SHAPE_OBJECT, shape_root};

/* What describes a key's values; NULL: nothing does (labels, x- keys). */
static const struct shape *row_of(const struct shape *row, const char *key)
{
    if (!row || !row->inner) {
        return NULL;
    }
    return row->kind == SHAPE_OBJECT ? shape_find(row->inner, key)
           : row->kind == SHAPE_MAP  ? row->inner
                                     : NULL;
}

static struct node *merge_maps(struct arena *a, const struct shape *row, const struct node *base,
                               const struct node *over)
{
    struct node *out = node_new(a, NODE_MAP, over);
    out->tag = base->tag;
    for (size_t i = 0; i < base->count; i++) {
        node_set(a, out, base->entries[i].key, base->entries[i].value);
    }
    for (size_t i = 0; i < over->count; i++) {
        const struct node_entry *e = &over->entries[i];
        const struct node *there = node_get(out, e->key);
        struct node *value = there ? merge(a, row_of(row, e->key), there, e->value) : e->value;
        if (value) {
            node_set(a, out, e->key, value);
        } else {
            node_remove(out, e->key);
        }
    }
    return out;
}

static struct node *merge_lists(struct arena *a, const struct shape *row, const struct node *base,
                                const struct node *over)
{
    struct node *out = node_new(a, NODE_LIST, over);
    out->tag = base->tag;
    for (size_t i = 0; i < base->count; i++) {
        node_append(a, out, base->items[i]);
    }
    for (size_t i = 0; i < over->count; i++) {
        size_t at = 0;
        while (at < out->count && !(row && shape_same_item(row, out->items[at], over->items[i]))) {
            at++;
        }
        if (at == out->count) {
            node_append(a, out, over->items[i]);
        } else {
            out->items[at] = over->items[i];
        }
    }
    return out;
}

/* Options belong to their driver. */
static bool is_another_driver(const struct shape *row, const struct node *base,
                              const struct node *over)
{
    return row && str_equal(row->key, "logging") && node_text(over, "driver") &&
           !str_equal(node_text(base, "driver"), node_text(over, "driver"));
}

struct node *merge(struct arena *a, const struct shape *row, const struct node *base,
                   const struct node *over)
{
    if (over->tag == TAG_RESET) {
        return NULL;
    }
    if (over->kind == NODE_NULL && !(row && row->kind == SHAPE_PAIRS) && row) {
        return (struct node *)base;
    }
    bool whole = over->tag == TAG_OVERRIDE || (row && row->replaced) || base->kind != over->kind ||
                 node_is_scalar(over) || is_another_driver(row, base, over);
    if (whole) {
        return (struct node *)over;
    }
    return over->kind == NODE_MAP ? merge_maps(a, row, base, over)
                                  : merge_lists(a, row, base, over);
}

struct node *merge_finish(struct arena *a, const struct node *n)
{
    struct node *out = node_copy(a, n);
    out->tag = TAG_NONE;
    if (n->kind == NODE_LIST) {
        for (size_t i = 0; i < n->count; i++) {
            out->items[i] = merge_finish(a, n->items[i]);
        }
    }
    if (n->kind == NODE_MAP) {
        out->count = 0;
        for (size_t i = 0; i < n->count; i++) {
            if (n->entries[i].value->tag != TAG_RESET) {
                out->entries[out->count] = n->entries[i];
                out->entries[out->count++].value = merge_finish(a, n->entries[i].value);
            }
        }
    }
    return out;
}
