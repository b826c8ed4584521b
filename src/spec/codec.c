// SPDX-License-Identifier: Apache-2.0
#include "spec/codec.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

static void place_text(const struct place *p, struct strbuf *out)
{
    if (p->up) {
        place_text(p->up, out);
    }
    if (!p->name) {
        strbuf_addf(out, "[%zu]", p->index);
    } else if (p->up) {
        strbuf_addf(out, "%s%s", p->up->up ? "." : ": ", p->name);
    } else {
        strbuf_adds(out, p->name);
    }
}

int place_error(const struct place *p, struct error **err, const char *format, ...)
{
    CLEANUP(strbuf) struct strbuf where = {0};
    va_list ap;
    place_text(p, &where);
    va_start(ap, format);
    CLEANUP(free) char *text = str_vformat(format, ap);
    va_end(ap);
    return error_set(err, ERROR_INVALID_INPUT, EINVAL, "%s: %s", where.data, text);
}

/* Room as arena_push() counts it (powers of two from 4), so that read arrays can grow too. */
static void *array_alloc(struct arena *a, size_t count, size_t item_size)
{
    size_t room = 4;
    while (room < count) {
        room *= 2;
    }
    return arena_alloc(a, room * item_size);
}

static int wrong_type(const struct place *p, const char *wanted, struct error **err)
{
    if (p->name && p->up) {
        return place_error(p->up, err, "'%s' must be %s", p->name, wanted);
    }
    return place_error(p, err, "must be %s", wanted);
}

static int read_string(struct arena *a, const json_t *v, const struct place *p, const char **ret,
                       struct error **err)
{
    if (!json_is_string(v)) {
        return wrong_type(p, "a string", err);
    }
    const char *text = json_string_value(v);
    size_t len = json_string_length(v);
    if (strlen(text) != len) {
        return wrong_type(p, "a string without NUL", err);
    }
    *ret = arena_dup(a, text, len + 1);
    return 0;
}

static int read_bool(const json_t *v, const struct place *p, bool *ret, struct error **err)
{
    if (!json_is_boolean(v)) {
        return wrong_type(p, "true or false", err);
    }
    *ret = *ret || json_is_true(v); /* aliases of one member add up */
    return 0;
}

static int read_integer(const json_t *v, const struct place *p, int64_t min, int64_t max,
                        int64_t *ret, struct error **err)
{
    if (!json_is_integer(v)) {
        return wrong_type(p, "an integer", err);
    }
    int64_t n = json_integer_value(v);
    if (n < min || n > max) {
        return place_error(p, err, "%" PRId64 " is outside %" PRId64 " to %" PRId64, n, min, max);
    }
    *ret = n;
    return 0;
}

int read_u64(const json_t *v, const struct place *p, uint64_t *ret, struct error **err)
{
    if (json_is_string(v) && str_to_u64(json_string_value(v), 10, ret) == 0 &&
        *ret > (uint64_t)INT64_MAX) {
        return 0;
    }
    int64_t n = 0;
    int r = read_integer(v, p, 0, INT64_MAX, &n, err);
    if (r == 0) {
        *ret = (uint64_t)n;
    }
    return r;
}

static int read_u32(const json_t *v, const struct place *p, uint32_t *ret, struct error **err)
{
    int64_t n = 0;
    int r = read_integer(v, p, 0, UINT32_MAX, &n, err);
    *ret = (uint32_t)n;
    return r;
}

static int read_i32(const json_t *v, const struct place *p, int32_t *ret, struct error **err)
{
    int64_t n = 0;
    int r = read_integer(v, p, INT32_MIN, INT32_MAX, &n, err);
    *ret = (int32_t)n;
    return r;
}

static int read_optional(enum field_type type, const json_t *v, const struct place *p, void *member,
                         struct error **err)
{
    if (type == FIELD_OPT_BOOL) {
        struct opt_bool *o = member;
        o->set = true;
        return read_bool(v, p, &o->value, err);
    }
    if (type == FIELD_OPT_U32) {
        struct opt_u32 *o = member;
        o->set = true;
        return read_u32(v, p, &o->value, err);
    }
    if (type == FIELD_OPT_I64) {
        struct opt_i64 *o = member;
        o->set = true;
        return read_integer(v, p, INT64_MIN, INT64_MAX, &o->value, err);
    }
    struct opt_u64 *o = member;
    o->set = true;
    return read_u64(v, p, &o->value, err);
}

static int read_word(const struct field *f, const json_t *v, const struct place *p, void *member,
                     struct error **err)
{
    if (!json_is_string(v)) {
        return wrong_type(p, "a string", err);
    }
    for (int i = 0; f->words[i]; i++) {
        if (strcmp(f->words[i], json_string_value(v)) == 0) {
            memcpy(member, &i, sizeof(i));
            return 0;
        }
    }
    return place_error(p, err, "'%s' is not known", json_string_value(v));
}

static int read_strings(struct arena *a, const json_t *v, const struct place *p, const char ***ret,
                        size_t *ret_count, struct error **err)
{
    if (!json_is_array(v)) {
        return wrong_type(p, "an array of strings", err);
    }
    size_t n = json_array_size(v);
    const char **items = array_alloc(a, n, sizeof(*items));
    for (size_t i = 0; i < n; i++) {
        struct place here = {p, NULL, i};
        int r = read_string(a, json_array_get(v, i), &here, &items[i], err);
        if (r < 0) {
            return r;
        }
    }
    *ret = items;
    *ret_count = n;
    return 0;
}

static int read_u32s(struct arena *a, const json_t *v, const struct place *p, uint32_t **ret,
                     size_t *ret_count, struct error **err)
{
    if (!json_is_array(v)) {
        return wrong_type(p, "an array of integers", err);
    }
    size_t n = json_array_size(v);
    uint32_t *items = array_alloc(a, n, sizeof(*items));
    for (size_t i = 0; i < n; i++) {
        struct place here = {p, NULL, i};
        int r = read_u32(json_array_get(v, i), &here, &items[i], err);
        if (r < 0) {
            return r;
        }
    }
    *ret = items;
    *ret_count = n;
    return 0;
}

static int read_pairs(struct arena *a, const json_t *v, const struct place *p,
                      struct spec_pair **ret, size_t *ret_count, struct error **err)
{
    if (!json_is_object(v)) {
        return wrong_type(p, "an object of strings", err);
    }
    struct spec_pair *pairs = array_alloc(a, json_object_size(v), sizeof(*pairs));
    size_t n = 0;
    const char *key;
    json_t *item;
    json_object_foreach((json_t *)v, key, item)
    {
        struct place here = {p, key, 0};
        pairs[n].key = arena_strdup(a, key);
        int r = read_string(a, item, &here, &pairs[n].value, err);
        if (r < 0) {
            return r;
        }
        n++;
    }
    *ret = pairs;
    *ret_count = n;
    return 0;
}

static int read_list(struct arena *a, const struct field *f, const json_t *v, const struct place *p,
                     void **ret, size_t *ret_count, struct error **err)
{
    if (!json_is_array(v)) {
        return wrong_type(p, "an array", err);
    }
    size_t n = json_array_size(v);
    char *items = array_alloc(a, n, f->shape->size);
    for (size_t i = 0; i < n; i++) {
        struct place here = {p, NULL, i};
        int r =
            shape_read(a, f->shape, json_array_get(v, i), &here, items + i * f->shape->size, err);
        if (r < 0) {
            return r;
        }
    }
    *ret = items;
    *ret_count = n;
    return 0;
}

static int read_map(struct arena *a, const struct field *f, const json_t *v, const struct place *p,
                    void **ret, size_t *ret_count, struct error **err)
{
    if (!json_is_object(v)) {
        return wrong_type(p, "an object", err);
    }
    char *items = array_alloc(a, json_object_size(v), f->shape->size);
    size_t n = 0;
    const char *key;
    json_t *item;
    json_object_foreach((json_t *)v, key, item)
    {
        struct place here = {p, key, 0};
        char *target = items + n++ * f->shape->size;
        *(const char **)target = arena_strdup(a, key);
        int r = shape_read(a, f->shape, item, &here, target, err);
        if (r < 0) {
            return r;
        }
    }
    *ret = items;
    *ret_count = n;
    return 0;
}

static int read_field(struct arena *a, const struct field *f, const json_t *v,
                      const struct place *p, char *object, struct error **err)
{
    void *member = object + f->offset, *extra = object + f->extra;
    switch (f->type) {
    case FIELD_STRING:
        return read_string(a, v, p, member, err);
    case FIELD_BOOL:
        return read_bool(v, p, member, err);
    case FIELD_I32:
        return read_i32(v, p, member, err);
    case FIELD_U32:
        return read_u32(v, p, member, err);
    case FIELD_I64:
        return read_integer(v, p, INT64_MIN, INT64_MAX, member, err);
    case FIELD_U64:
        return read_u64(v, p, member, err);
    case FIELD_OPT_BOOL:
    case FIELD_OPT_U32:
    case FIELD_OPT_I64:
    case FIELD_OPT_U64:
        return read_optional(f->type, v, p, member, err);
    case FIELD_STRINGS:
        return read_strings(a, v, p, member, extra, err);
    case FIELD_U32S:
        return read_u32s(a, v, p, member, extra, err);
    case FIELD_PAIRS:
        return read_pairs(a, v, p, member, extra, err);
    case FIELD_OBJECT:
        if (f->has_extra) {
            *(bool *)extra = true;
        }
        return shape_read(a, f->shape, v, p, member, err);
    case FIELD_POINTER:
        *(void **)member = arena_alloc(a, f->shape->size);
        return shape_read(a, f->shape, v, p, *(void **)member, err);
    case FIELD_LIST:
        return read_list(a, f, v, p, member, extra, err);
    case FIELD_MAP:
        return read_map(a, f, v, p, member, extra, err);
    case FIELD_ENUM:
        return read_word(f, v, p, member, err);
    case FIELD_CUSTOM:
        return f->read(a, v, p, member, err);
    case FIELD_STRV:
    case FIELD_OPTION_INTEGER:
        break;
    }
    return error_set(err, ERROR_INTERNAL, 0, "the property '%s' cannot be read", f->key);
}

int shape_read(struct arena *a, const struct shape *shape, const json_t *json,
               const struct place *p, void *object, struct error **err)
{
    if (!json_is_object(json)) {
        return wrong_type(p, "an object", err);
    }
    for (size_t i = 0; i < shape->field_count; i++) {
        const struct field *f = &shape->fields[i];
        const json_t *v = json_object_get(json, f->key);
        if (!v || json_is_null(v)) {
            if (f->required) {
                return place_error(p, err, "'%s' is missing", f->key);
            }
            continue;
        }
        struct place here = {p, f->key, 0};
        int r = read_field(a, f, v, &here, object, err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}
