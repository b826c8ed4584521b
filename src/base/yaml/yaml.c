// SPDX-License-Identifier: Apache-2.0
#include "base/yaml/yaml.h"

#include <ctype.h>
#include <libfyaml.h>
#include <math.h>
#include <string.h>

struct anchor {
    const char *name;
    struct node *node;
    size_t size; /* in nodes, aliases written out */
};

struct reader {
    struct arena *arena;
    const char *file;
    const struct variables *variables;
    struct fy_parser *parser;
    struct anchor *anchors;
    size_t anchor_count;
    size_t size; /* nodes so far, aliases written out */
    struct error **err;
};

static struct node here(const struct reader *r, struct fy_event *e)
{
    const struct fy_mark *m = fy_event_start_mark(e);
    struct fy_token *scalar = e->type == FYET_SCALAR ? e->scalar.value : NULL;
    enum fy_scalar_style style = scalar ? fy_scalar_token_get_style(scalar) : FYSS_PLAIN;
    /* The library's mark is behind a quote and behind an alias's asterisk. */
    int behind =
        e->type == FYET_ALIAS || style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED;
    return (struct node){.file = r->file,
                         .line = m ? m->line + 1 : 1,
                         .column = m ? m->column + 1 - (m->column > 0 ? behind : 0) : 1};
}

static char *token_text(struct arena *a, struct fy_token *t)
{
    size_t len = 0;
    const char *text = t ? fy_token_get_text(t, &len) : NULL;
    return text ? arena_strndup(a, text, len) : NULL;
}

static int count_nodes(struct reader *r, const struct node *at, size_t more)
{
    r->size += more;
    return r->size <= YAML_NODES_MAX
               ? 0
               : node_error(at, r->err, "more than %u values, aliases written out", YAML_NODES_MAX);
}

/* YAML 1.2.2 §10.3.2 "Tag Resolution". */
static bool resolve_integer(const char *s, int64_t *ret)
{
    int base = str_starts(s, "0x") ? 16 : str_starts(s, "0o") ? 8 : 10;
    const char *digits = base == 10 ? s + (*s == '-' || *s == '+') : s + 2;
    if (!isxdigit((unsigned char)*digits)) {
        return false;
    }
    return str_to_i64(base == 10 ? (*s == '+' ? s + 1 : s) : digits, base, ret) == 0;
}

static bool resolve_number(const char *s, double *ret)
{
    char *end;
    if (!*s || strspn(s, "0123456789+-.eE") != strlen(s) || !strpbrk(s, "0123456789")) {
        return false;
    }
    *ret = strtod(s, &end);
    return !*end && isfinite(*ret);
}

static void resolve_plain(struct node *n)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const trues[] = {"true", "True", "TRUE", NULL};
    static const char *const falses[] = {"false", "False", "FALSE", NULL};
    if (str_in(n->text, nulls)) {
        n->kind = NODE_NULL;
        n->text = "";
    } else if (str_in(n->text, trues) || str_in(n->text, falses)) {
        n->kind = NODE_BOOL;
        n->boolean = str_in(n->text, trues);
    } else if (resolve_integer(n->text, &n->integer)) {
        n->kind = NODE_INTEGER;
    } else if (resolve_number(n->text, &n->number)) {
        n->kind = NODE_NUMBER;
    }
}

static int interpolate_node(struct reader *r, struct node *n)
{
    if (!r->variables || !strchr(n->text, '$')) {
        return 0;
    }
    CLEANUP(strbuf) struct strbuf b = {.max = YAML_BYTES_MAX};
    CLEANUP(error) struct error *mine = NULL;
    int result = interpolate(r->variables, n->text, &b, &mine);
    if (result == 0 && b.overflow) {
        result = error_set(&mine, ERROR_INVALID_INPUT, 0, "the interpolated text is too long");
    }
    if (result < 0) {
        error_move(r->err, &mine, result);
        return error_wrap(r->err, result, "%s:%d:%d", n->file, n->line, n->column);
    }
    n->text = arena_strdup(r->arena, str_or(b.data, ""));
    return 0;
}

static int read_tag(struct reader *r, struct node *n, struct fy_token *tag)
{
    const char *text = token_text(r->arena, tag);
    if (!text) {
        return 0;
    }
    if (str_equal(text, "!reset")) {
        n->tag = TAG_RESET;
    } else if (str_equal(text, "!override")) {
        n->tag = TAG_OVERRIDE;
    } else if (str_equal(text, "tag:yaml.org,2002:str") && node_is_scalar(n)) {
        n->kind = NODE_STRING;
    } else if (!str_starts(text, "tag:yaml.org,2002:")) {
        return node_error(n, r->err, "unknown tag '%s': those of Compose are !reset and !override",
                          text);
    }
    return 0;
}

static void remember(struct reader *r, struct fy_token *anchor, struct node *n, size_t size)
{
    char *name = token_text(r->arena, anchor);
    if (name) {
        struct anchor *a = arena_push(r->arena, r->anchors, r->anchor_count);
        *a = (struct anchor){name, n, size};
    }
}

static int read_scalar(struct reader *r, struct fy_event *e, struct node **ret)
{
    struct node at = here(r, e);
    struct fy_token *value = e->scalar.value;
    struct node *n = node_new(r->arena, NODE_STRING, &at);
    n->text = str_or(token_text(r->arena, value), "");
    bool plain = !value || fy_scalar_token_get_style(value) == FYSS_PLAIN;
    if (plain && !e->scalar.tag) {
        resolve_plain(n);
    }
    int result = count_nodes(r, n, 1);
    if (result == 0) {
        result = interpolate_node(r, n);
    }
    if (result == 0) {
        result = read_tag(r, n, e->scalar.tag);
    }
    remember(r, e->scalar.anchor, n, 1);
    *ret = n;
    return result;
}

static int read_alias(struct reader *r, struct fy_event *e, struct node **ret)
{
    struct node at = here(r, e);
    char *name = token_text(r->arena, e->alias.anchor);
    for (size_t i = r->anchor_count; i-- > 0;) {
        if (str_equal(r->anchors[i].name, name)) {
            *ret = r->anchors[i].node;
            return count_nodes(r, &at, r->anchors[i].size);
        }
    }
    return node_error(&at, r->err, "there is no anchor '&%s' before this alias", str_or(name, ""));
}

static int read_value(struct reader *r, struct fy_event *e, struct node **ret);

static int parse_failure(struct reader *r)
{
    struct fy_diag *diag = fy_parser_get_diag(r->parser);
    void *at = NULL;
    struct fy_diag_error *d = diag ? fy_diag_errors_iterate(diag, &at) : NULL;
    int result = d ? error_set(r->err, ERROR_INVALID_INPUT, 0, "%s:%d:%d: %s", r->file, d->line,
                               d->column, d->msg)
                   : error_set(r->err, ERROR_INVALID_INPUT, 0, "%s: not valid YAML", r->file);
    fy_diag_unref(diag);
    return result;
}

/* The next event; *ret NULL at the end of the stream. */
static int next_event(struct reader *r, struct fy_event **ret)
{
    *ret = fy_parser_parse(r->parser);
    return *ret || !fy_parser_get_stream_error(r->parser) ? 0 : parse_failure(r);
}

static int read_list(struct reader *r, struct fy_event *start, struct node **ret)
{
    struct node at = here(r, start);
    struct node *n = node_new(r->arena, NODE_LIST, &at);
    size_t before = r->size;
    int result = read_tag(r, n, start->sequence_start.tag);
    while (result == 0) {
        struct fy_event *e = NULL;
        struct node *item = NULL;
        result = next_event(r, &e);
        if (result < 0 || !e || e->type == FYET_SEQUENCE_END) {
            fy_parser_event_free(r->parser, e);
            break;
        }
        result = read_value(r, e, &item);
        fy_parser_event_free(r->parser, e);
        if (result == 0) {
            node_append(r->arena, n, item);
        }
    }
    remember(r, start->sequence_start.anchor, n, r->size - before + 1);
    *ret = n;
    return result < 0 ? result : count_nodes(r, n, 1);
}

/* One of what `<<` names: its keys where the map has none itself. */
static int merge_map(struct reader *r, struct node *map, const struct node *from)
{
    if (from->kind != NODE_MAP) {
        return node_error(from, r->err, "'<<' takes a map or a list of maps, not %s",
                          node_kind_name(from->kind));
    }
    for (size_t i = 0; i < from->count; i++) {
        if (!node_get(map, from->entries[i].key)) {
            *arena_push(r->arena, map->entries, map->count) = from->entries[i];
        }
    }
    return 0;
}

/* https://yaml.org/type/merge.html */
static int apply_merge_keys(struct reader *r, struct node *map)
{
    const struct node *from = node_get(map, "<<");
    if (!from) {
        return 0;
    }
    node_remove(map, "<<");
    int result = 0;
    if (from->kind != NODE_LIST) {
        return merge_map(r, map, from);
    }
    for (size_t i = 0; i < from->count && result == 0; i++) {
        result = merge_map(r, map, from->items[i]);
    }
    return result;
}

static int read_key(struct reader *r, struct fy_event *e, struct node_entry *ret)
{
    struct node at = here(r, e);
    if (e->type == FYET_ALIAS) {
        struct node *n = NULL;
        int result = read_alias(r, e, &n);
        if (result < 0 || !node_is_scalar(n)) {
            return result < 0 ? result : node_error(&at, r->err, "a key must be a string");
        }
        ret->key = n->text;
    } else if (e->type == FYET_SCALAR) {
        ret->key = str_or(token_text(r->arena, e->scalar.value), "");
    } else {
        return node_error(&at, r->err, "a key must be a string");
    }
    ret->line = at.line;
    ret->column = at.column;
    return 0;
}

static int add_entry(struct reader *r, struct node *map, const struct node_entry *entry)
{
    const struct node_entry *there = node_entry_of(map, entry->key);
    if (there) {
        struct node at = {.file = r->file, .line = entry->line, .column = entry->column};
        return node_error(&at, r->err, "the key '%s' is there already, on line %d", entry->key,
                          there->line);
    }
    *arena_push(r->arena, map->entries, map->count) = *entry;
    return 0;
}

static int read_entry(struct reader *r, struct node *map, struct fy_event *key_event)
{
    struct node_entry entry = {0};
    struct fy_event *e = NULL;
    int result = read_key(r, key_event, &entry);
    if (result == 0) {
        result = next_event(r, &e);
    }
    if (result == 0 && e) {
        result = read_value(r, e, &entry.value);
    }
    if (result == 0 && entry.value) {
        result = add_entry(r, map, &entry);
    }
    fy_parser_event_free(r->parser, e);
    return result;
}

static int read_map(struct reader *r, struct fy_event *start, struct node **ret)
{
    struct node at = here(r, start);
    struct node *n = node_new(r->arena, NODE_MAP, &at);
    size_t before = r->size;
    int result = read_tag(r, n, start->mapping_start.tag);
    while (result == 0) {
        struct fy_event *e = NULL;
        result = next_event(r, &e);
        if (result < 0 || !e || e->type == FYET_MAPPING_END) {
            fy_parser_event_free(r->parser, e);
            break;
        }
        result = read_entry(r, n, e);
        fy_parser_event_free(r->parser, e);
    }
    if (result == 0) {
        result = apply_merge_keys(r, n);
    }
    remember(r, start->mapping_start.anchor, n, r->size - before + 1);
    *ret = n;
    return result < 0 ? result : count_nodes(r, n, 1);
}

static int read_value(struct reader *r, struct fy_event *e, struct node **ret)
{
    switch (e->type) {
    case FYET_SCALAR:
        return read_scalar(r, e, ret);
    case FYET_ALIAS:
        return read_alias(r, e, ret);
    case FYET_SEQUENCE_START:
        return read_list(r, e, ret);
    case FYET_MAPPING_START:
        return read_map(r, e, ret);
    case FYET_NONE:
    case FYET_STREAM_START:
    case FYET_STREAM_END:
    case FYET_DOCUMENT_START:
    case FYET_DOCUMENT_END:
    case FYET_MAPPING_END:
    case FYET_SEQUENCE_END:
        break;
    }
    return error_set(r->err, ERROR_INVALID_INPUT, 0, "%s: not valid YAML", r->file);
}

static int read_stream(struct reader *r, struct node **ret)
{
    int result = 0;
    int documents = 0;
    while (result == 0) {
        struct fy_event *e = NULL;
        result = next_event(r, &e);
        if (result < 0 || !e) {
            break;
        }
        if (e->type == FYET_DOCUMENT_START && ++documents > 1) {
            struct node at = here(r, e);
            result = node_error(&at, r->err, "a second document: a Compose file has one");
        } else if (e->type == FYET_SCALAR || e->type == FYET_ALIAS ||
                   e->type == FYET_SEQUENCE_START || e->type == FYET_MAPPING_START) {
            result = read_value(r, e, ret);
        }
        fy_parser_event_free(r->parser, e);
    }
    return result;
}

int yaml_parse(struct arena *a, const char *text, size_t len, const char *name,
               const struct variables *variables, struct node **ret, struct error **err)
{
    if (len > YAML_BYTES_MAX) {
        return error_set(err, ERROR_INVALID_INPUT, 0, "%s: larger than %u bytes", name,
                         YAML_BYTES_MAX);
    }
    /* Of its own, so that what is wrong is collected, not printed. */
    struct fy_diag_cfg collecting;
    fy_diag_cfg_default(&collecting);
    struct fy_diag *diag = fy_diag_create(&collecting);
    if (diag) {
        fy_diag_set_collect_errors(diag, true);
    }
    struct fy_parse_cfg settings = {
        .diag = diag, .flags = FYPCF_QUIET | FYPCF_ALLOW_DUPLICATE_KEYS | FYPCF_JSON_NONE};
    struct reader r = {
        .arena = a, .file = arena_strdup(a, name), .variables = variables, .err = err};
    r.parser = fy_parser_create(&settings);
    fy_diag_unref(diag);
    if (!r.parser || fy_parser_set_string(r.parser, len ? text : "", len) != 0) {
        fy_parser_destroy(r.parser);
        return error_set(err, ERROR_INTERNAL, 0, "%s: the YAML parser does not start", name);
    }
    struct node *root = NULL;
    int result = read_stream(&r, &root);
    fy_parser_destroy(r.parser);
    if (result == 0 && (!root || root->kind == NODE_NULL)) {
        struct node at = {.file = r.file, .line = 1, .column = 1};
        root = node_new(a, NODE_MAP, &at);
    }
    *ret = root;
    return result;
}
