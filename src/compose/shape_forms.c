// SPDX-License-Identifier: Apache-2.0
/* Short forms written long: all but ports and volumes, which have files of their own. */
#include <ctype.h>
#include <limits.h>
#include <string.h>

#include "compose/shape.h"

char *shape_path(struct shaper *s, const char *text)
{
    if (s->home && text[0] == '~' && (text[1] == '/' || !text[1])) {
        return arena_format(s->arena, "%s%s", s->home, text + 1);
    }
    /* "." and ".." go by their letters, as Go's filepath.Join has it. */
    CLEANUP(strv) struct strv parts = {0};
    CLEANUP(strbuf) struct strbuf out = {0};
    if (text[0] != '/') {
        strv_split(&parts, s->base_dir, '/');
    }
    strv_split(&parts, text, '/');
    size_t kept = 0;
    for (size_t i = 0; i < parts.count; i++) {
        char *part = parts.items[i];
        if (!*part || str_equal(part, ".")) {
            continue;
        }
        if (str_equal(part, "..")) {
            kept -= kept > 0;
            continue;
        }
        char *other = parts.items[kept];
        parts.items[kept++] = part;
        parts.items[i] = other;
    }
    for (size_t i = 0; i < kept; i++) {
        strbuf_addf(&out, "/%s", parts.items[i]);
    }
    return arena_strdup(s->arena, out.len ? out.data : "/");
}

int split_words(const char *text, struct strv *ret, struct error **err)
{
    CLEANUP(strbuf) struct strbuf word = {0};
    bool in_word = false;
    char quote = 0;
    for (const char *c = text; *c; c++) {
        if (quote ? *c == quote : *c == '"' || *c == '\'') {
            quote = quote ? 0 : *c;
            in_word = true;
        } else if (*c == '\\' && quote != '\'' && c[1]) {
            strbuf_addc(&word, *++c);
            in_word = true;
        } else if (!quote && isspace((unsigned char)*c)) {
            if (in_word) {
                strv_add_take(ret, strbuf_take(&word));
                in_word = false;
            }
        } else {
            strbuf_addc(&word, *c);
            in_word = true;
        }
    }
    if (quote) {
        return error_set(err, ERROR_INVALID_INPUT, 0, "a quote %c does not end in '%s'", quote,
                         text);
    }
    if (in_word) {
        strv_add_take(ret, strbuf_take(&word));
    }
    return 0;
}

char *duration_text(int64_t ms)
{
    CLEANUP(strbuf) struct strbuf b = {0};
    int64_t hours = ms / 3600000, minutes = ms / 60000 % 60, rest = ms % 60000;
    if (ms < 1000) {
        return ms ? str_format("%lldms", (long long)ms) : xstrdup("0s");
    }
    if (hours) {
        strbuf_addf(&b, "%lldh", (long long)hours);
    }
    if (hours || minutes) {
        strbuf_addf(&b, "%lldm", (long long)minutes);
    }
    strbuf_addf(&b, "%lld", (long long)(rest / 1000));
    if (rest % 1000) {
        CLEANUP(free) char *part = str_format(".%03d", (int)(rest % 1000));
        size_t len = strlen(part);
        while (part[len - 1] == '0') {
            part[--len] = '\0';
        }
        strbuf_adds(&b, part);
    }
    strbuf_addc(&b, 's');
    return strbuf_take(&b);
}

/* {KEY: VALUE} for a string, the node itself for a map. */
static struct node *one_key(struct shaper *s, const struct node *in, const char *key)
{
    if (!node_is_scalar(in)) {
        return node_copy(s->arena, in);
    }
    struct node *map = node_new(s->arena, NODE_MAP, in);
    node_set(s->arena, map, key, node_string(s->arena, in->text, in));
    return map;
}

int expand_build(struct shaper *s, const struct node *in, const char *path, struct node **ret)
{
    *ret = one_key(s, in, "context");
    return 0;
}

int expand_extends(struct shaper *s, const struct node *in, const char *path, struct node **ret)
{
    *ret = one_key(s, in, "service");
    return 0;
}

/* external: true, or the form of before: {name: X} */
int expand_external(struct shaper *s, const struct node *in, const char *path, struct node **ret)
{
    if (in->kind == NODE_MAP) {
        return node_error(in, s->err, "%s must be true or false: write 'name' beside it", path);
    }
    *ret = node_copy(s->arena, in);
    return 0;
}

int expand_to_list(struct shaper *s, const struct node *in, const char *path, struct node **ret)
{
    if (in->kind == NODE_LIST) {
        *ret = node_copy(s->arena, in);
        return 0;
    }
    *ret = node_new(s->arena, NODE_LIST, in);
    node_append(s->arena, *ret, node_copy(s->arena, in));
    return 0;
}

/* Each item of a list (or the one value): a string becomes {KEY: string}. */
static int items_with_key(struct shaper *s, const struct node *in, const char *key,
                          struct node **ret)
{
    int r = expand_to_list(s, in, "", ret);
    for (size_t i = 0; i < (*ret)->count; i++) {
        (*ret)->items[i] = one_key(s, (*ret)->items[i], key);
    }
    return r;
}

int expand_env_file(struct shaper *s, const struct node *in, const char *path, struct node **ret)
{
    int r = items_with_key(s, in, "path", ret);
    for (size_t i = 0; i < (*ret)->count; i++) {
        struct node *item = (*ret)->items[i];
        if (item->kind == NODE_MAP && !node_get(item, "required")) {
            node_set(s->arena, item, "required", node_bool(s->arena, true, item));
        }
    }
    return r;
}

int expand_include(struct shaper *s, const struct node *in, const char *path, struct node **ret)
{
    return in->kind == NODE_LIST ? items_with_key(s, in, "path", ret)
                                 : shape_wrong_kind(s, in, path, "a list");
}

int expand_configs(struct shaper *s, const struct node *in, const char *path, struct node **ret)
{
    return in->kind == NODE_LIST ? items_with_key(s, in, "source", ret)
                                 : shape_wrong_kind(s, in, path, "a list");
}

/* A list of names: a map of them without values. */
int expand_names(struct shaper *s, const struct node *in, const char *path, struct node **ret)
{
    if (in->kind != NODE_LIST) {
        *ret = node_copy(s->arena, in);
        return 0;
    }
    *ret = node_new(s->arena, NODE_MAP, in);
    for (size_t i = 0; i < in->count; i++) {
        const struct node *item = in->items[i];
        if (!node_is_scalar(item) || item->kind == NODE_NULL) {
            return shape_wrong_kind(s, item, path, "a list of names");
        }
        if (node_get(*ret, item->text)) {
            return node_error(item, s->err, "%s: '%s' is named twice", path, item->text);
        }
        node_set(s->arena, *ret, item->text, node_new(s->arena, NODE_NULL, item));
    }
    return 0;
}

int expand_depends_on(struct shaper *s, const struct node *in, const char *path, struct node **ret)
{
    int r = expand_names(s, in, path, ret);
    for (size_t i = 0; r == 0 && (*ret)->kind == NODE_MAP && i < (*ret)->count; i++) {
        struct node_entry *e = &(*ret)->entries[i];
        if (e->value->kind == NODE_NULL && e->value->tag == TAG_NONE) {
            e->value = node_new(s->arena, NODE_MAP, e->value);
        }
        if (e->value->kind == NODE_MAP && !node_get(e->value, "condition")) {
            node_set(s->arena, e->value, "condition",
                     node_string(s->arena, "service_started", e->value));
        }
        if (e->value->kind == NODE_MAP && !node_get(e->value, "required")) {
            node_set(s->arena, e->value, "required", node_bool(s->arena, true, e->value));
        }
    }
    return r;
}

static int device_from_text(struct shaper *s, const struct node *in, const char *path,
                            struct node **ret)
{
    CLEANUP(strv) struct strv parts = {0};
    strv_split(&parts, in->text, ':');
    if (parts.count > 3 || !*parts.items[0]) {
        return node_error(in, s->err, "%s: '%s' is not HOST[:CONTAINER[:rwm]]", path, in->text);
    }
    *ret = node_new(s->arena, NODE_MAP, in);
    node_set(s->arena, *ret, "source", node_string(s->arena, parts.items[0], in));
    node_set(s->arena, *ret, "target",
             node_string(s->arena, parts.items[parts.count > 1 ? 1 : 0], in));
    node_set(s->arena, *ret, "permissions",
             node_string(s->arena, parts.count > 2 ? parts.items[2] : "rwm", in));
    return 0;
}

int expand_devices(struct shaper *s, const struct node *in, const char *path, struct node **ret)
{
    if (in->kind != NODE_LIST) {
        return shape_wrong_kind(s, in, path, "a list");
    }
    *ret = node_copy(s->arena, in);
    for (size_t i = 0; i < in->count; i++) {
        int r = node_is_scalar(in->items[i])
                    ? device_from_text(s, in->items[i], path, &(*ret)->items[i])
                    : 0;
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

/* "name=address", "name:address", {name: address} or {name: [addresses]}: all "name=address". */
int expand_hosts(struct shaper *s, const struct node *in, const char *path, struct node **ret)
{
    struct node *out = node_new(s->arena, NODE_LIST, in);
    *ret = out;
    if (node_is_scalar(in)) {
        return shape_wrong_kind(s, in, path, "a list or a map");
    }
    for (size_t i = 0; i < in->count; i++) {
        const struct node *item = in->kind == NODE_LIST ? in->items[i] : in->entries[i].value;
        size_t addresses = item->kind == NODE_LIST ? item->count : 1;
        if (in->kind == NODE_LIST) {
            const char *text = str_or(item->text, "");
            size_t n = strcspn(text, "=:");
            if (!node_is_scalar(item) || n == 0 || !text[n] || !text[n + 1]) {
                return node_error(item, s->err, "%s: '%s' is not HOST=ADDRESS", path, text);
            }
            node_append(s->arena, out,
                        node_string(s->arena,
                                    arena_format(s->arena, "%.*s=%s", (int)n, text, text + n + 1),
                                    item));
            continue;
        }
        for (size_t k = 0; k < addresses; k++) {
            const struct node *address = item->kind == NODE_LIST ? item->items[k] : item;
            if (!node_is_scalar(address)) {
                return shape_wrong_kind(s, address, path, "an address");
            }
            node_append(
                s->arena, out,
                node_string(s->arena,
                            arena_format(s->arena, "%s=%s", in->entries[i].key, address->text),
                            address));
        }
    }
    return 0;
}

/* compose-spec 05-services.md "healthcheck": a string is CMD-SHELL. */
int expand_test(struct shaper *s, const struct node *in, const char *path, struct node **ret)
{
    static const char *const first[] = {"NONE", "CMD", "CMD-SHELL", NULL};
    if (node_is_scalar(in)) {
        *ret = node_new(s->arena, NODE_LIST, in);
        node_append(s->arena, *ret, node_string(s->arena, "CMD-SHELL", in));
        node_append(s->arena, *ret, node_string(s->arena, in->text, in));
        return 0;
    }
    if (in->kind != NODE_LIST) {
        return shape_wrong_kind(s, in, path, "a string or a list");
    }
    if (in->count > 0 && !str_in(str_or(in->items[0]->text, ""), first)) {
        return node_error(in->items[0], s->err, "%s must begin with NONE, CMD or CMD-SHELL", path);
    }
    *ret = node_copy(s->arena, in);
    return 0;
}

/* One number is both limits. */
int expand_ulimit(struct shaper *s, const struct node *in, const char *path, struct node **ret)
{
    if (!node_is_scalar(in)) {
        *ret = node_copy(s->arena, in);
        return 0;
    }
    *ret = node_new(s->arena, NODE_MAP, in);
    node_set(s->arena, *ret, "soft", node_copy(s->arena, in));
    node_set(s->arena, *ret, "hard", node_copy(s->arena, in));
    return 0;
}
