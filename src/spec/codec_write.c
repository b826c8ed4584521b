// SPDX-License-Identifier: Apache-2.0
#include <inttypes.h>
#include <string.h>

#include "base/json.h"
#include "spec/codec.h"

json_t *write_u64(uint64_t value)
{
    if (value <= (uint64_t)INT64_MAX) {
        return json_integer((json_int_t)value);
    }
    char digits[24];
    (void)snprintf(digits, sizeof(digits), "%" PRIu64, value); /* 20 digits at most */
    return json_string(digits);
}

static json_t *write_strings(const char *const *items, size_t n)
{
    json_t *array = json_array();
    for (size_t i = 0; i < n; i++) {
        json_array_append_new(array, json_string_lossy(items[i]));
    }
    return array;
}

static json_t *write_u32s(const uint32_t *items, size_t n)
{
    json_t *array = json_array();
    for (size_t i = 0; i < n; i++) {
        json_array_append_new(array, json_integer(items[i]));
    }
    return array;
}

static json_t *write_pairs(const struct spec_pair *items, size_t n)
{
    json_t *object = json_object();
    for (size_t i = 0; i < n; i++) {
        json_object_set_new(object, items[i].key, json_string_lossy(items[i].value));
    }
    return object;
}

static json_t *write_list(const struct shape *shape, const char *items, size_t n)
{
    json_t *array = json_array();
    for (size_t i = 0; i < n; i++) {
        json_array_append_new(array, shape_write(shape, items + i * shape->size));
    }
    return array;
}

static json_t *write_map(const struct shape *shape, const char *items, size_t n)
{
    json_t *object = json_object();
    for (size_t i = 0; i < n; i++) {
        const char *item = items + i * shape->size;
        json_object_set_new(object, *(const char *const *)item, shape_write(shape, item));
    }
    return object;
}

static json_t *write_number(const struct field *f, const void *member)
{
    int64_t n = 0;
    if (f->type == FIELD_U64) {
        uint64_t u = *(const uint64_t *)member;
        return u || f->always ? write_u64(u) : NULL;
    }
    if (f->type == FIELD_I32) {
        n = *(const int32_t *)member;
    } else if (f->type == FIELD_U32) {
        n = *(const uint32_t *)member;
    } else {
        n = *(const int64_t *)member;
    }
    return n || f->always ? json_integer(n) : NULL;
}

static json_t *write_optional(enum field_type type, const void *member)
{
    if (type == FIELD_OPT_BOOL) {
        const struct opt_bool *o = member;
        return o->set ? json_boolean(o->value) : NULL;
    }
    if (type == FIELD_OPT_U32) {
        const struct opt_u32 *o = member;
        return o->set ? json_integer(o->value) : NULL;
    }
    if (type == FIELD_OPT_I64) {
        const struct opt_i64 *o = member;
        return o->set ? json_integer(o->value) : NULL;
    }
    const struct opt_u64 *o = member;
    return o->set ? write_u64(o->value) : NULL;
}

static json_t *write_object(const struct field *f, const void *member, const void *extra)
{
    json_t *object = shape_write(f->shape, member);
    bool present = f->has_extra ? *(const bool *)extra : json_object_size(object) > 0;
    if (!present) {
        json_decref(object);
        return NULL;
    }
    return object;
}

static json_t *write_array(const struct field *f, const void *items, size_t n)
{
    if (n == 0 && !(f->keep_empty && items)) {
        return NULL;
    }
    if (f->type == FIELD_STRINGS) {
        return write_strings(items, n);
    }
    if (f->type == FIELD_U32S) {
        return write_u32s(items, n);
    }
    if (f->type == FIELD_PAIRS) {
        return write_pairs(items, n);
    }
    return f->type == FIELD_MAP ? write_map(f->shape, items, n) : write_list(f->shape, items, n);
}

static json_t *write_field(const struct field *f, const char *object)
{
    const void *member = object + f->offset, *extra = object + f->extra;
    switch (f->type) {
    case FIELD_STRING: {
        const char *text = *(const char *const *)member;
        return text ? json_string_lossy(text) : NULL;
    }
    case FIELD_BOOL:
        return *(const bool *)member || f->always ? json_boolean(*(const bool *)member) : NULL;
    case FIELD_I32:
    case FIELD_U32:
    case FIELD_I64:
    case FIELD_U64:
        return write_number(f, member);
    case FIELD_OPT_BOOL:
    case FIELD_OPT_U32:
    case FIELD_OPT_I64:
    case FIELD_OPT_U64:
        return write_optional(f->type, member);
    case FIELD_STRV: {
        const struct strv *v = member;
        return v->count ? write_strings((const char *const *)v->items, v->count) : NULL;
    }
    case FIELD_OPTION_INTEGER: {
        const struct option_integer *o = member;
        return o->set ? json_integer(o->value) : NULL;
    }
    case FIELD_STRINGS:
    case FIELD_U32S:
    case FIELD_PAIRS:
    case FIELD_LIST:
    case FIELD_MAP:
        return write_array(f, *(const void *const *)member, *(const size_t *)extra);
    case FIELD_OBJECT:
        return write_object(f, member, extra);
    case FIELD_POINTER: {
        const void *target = *(const void *const *)member;
        return target ? shape_write(f->shape, target) : NULL;
    }
    case FIELD_ENUM: {
        int i;
        memcpy(&i, member, sizeof(i));
        return json_string(f->words[i]);
    }
    case FIELD_CUSTOM:
        return f->write(member);
    }
    return NULL;
}

json_t *shape_write(const struct shape *shape, const void *object)
{
    json_t *json = json_object();
    for (size_t i = 0; i < shape->field_count; i++) {
        const struct field *f = &shape->fields[i];
        json_t *v = f->alias ? NULL : write_field(f, object);
        if (v) {
            json_object_set_new(json, f->key, v);
        }
    }
    return json;
}
