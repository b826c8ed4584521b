// SPDX-License-Identifier: Apache-2.0
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/template/internal.h"

bool template_truth(const json_t *v)
{
    switch (json_typeof(v)) {
    case JSON_STRING:
        return json_string_length(v) > 0;
    case JSON_INTEGER:
        return json_integer_value(v) != 0;
    case JSON_REAL:
        return json_real_value(v) != 0;
    case JSON_ARRAY:
        return json_array_size(v) > 0;
    case JSON_OBJECT:
        return json_object_size(v) > 0;
    case JSON_TRUE:
        return true;
    case JSON_FALSE:
    case JSON_NULL:
        break;
    }
    return false;
}

static json_t *fail(struct error **err, const char *function, const char *what)
{
    (void)error_set(err, ERROR_USAGE, 0, "template: %s: %s", function, what);
    return NULL;
}

/* What was made of UTF-8 text by whole characters or ASCII letters alone is UTF-8 still. */
static json_t *string_of(const struct strbuf *b)
{
    return json_stringn_nocheck(b->data ? b->data : "", b->len);
}

static json_t *run_not(json_t **a, size_t n, struct error **err)
{
    return json_boolean(!template_truth(a[0]));
}

/* -1, 0, 1, or 2 when the two cannot be compared. */
static int compare(const json_t *a, const json_t *b)
{
    if (json_is_integer(a) && json_is_integer(b)) {
        json_int_t x = json_integer_value(a), y = json_integer_value(b);
        return x < y ? -1 : x > y;
    }
    if (json_is_number(a) && json_is_number(b)) {
        double x = json_number_value(a), y = json_number_value(b);
        return x < y ? -1 : x > y;
    }
    if (json_is_string(a) && json_is_string(b)) {
        int c = strcmp(json_string_value(a), json_string_value(b));
        return c < 0 ? -1 : c > 0;
    }
    return 2;
}

/* 1 or 0, or -1 when the two cannot be compared. */
static int equal(const json_t *a, const json_t *b)
{
    if (json_is_boolean(a) && json_is_boolean(b)) {
        return json_is_true(a) == json_is_true(b);
    }
    if (json_is_null(a) || json_is_null(b)) {
        return json_is_null(a) && json_is_null(b);
    }
    int c = compare(a, b);
    return c == 2 ? -1 : c == 0;
}

static json_t *run_eq(json_t **a, size_t n, struct error **err)
{
    for (size_t i = 1; i < n; i++) {
        int e = equal(a[0], a[i]);
        if (e < 0) {
            return fail(err, "eq", "values of different types");
        }
        if (e) {
            return json_true();
        }
    }
    return json_false();
}

static json_t *run_ne(json_t **a, size_t n, struct error **err)
{
    int e = equal(a[0], a[1]);
    return e < 0 ? fail(err, "ne", "values of different types") : json_boolean(!e);
}

static json_t *ordered(json_t **a, const char *name, bool less, bool same, struct error **err)
{
    int c = compare(a[0], a[1]);
    if (c == 2) {
        return fail(err, name, "values that have no order");
    }
    return json_boolean((c < 0 && less) || (c == 0 && same) || (c > 0 && !less));
}

static json_t *run_lt(json_t **a, size_t n, struct error **err)
{
    return ordered(a, "lt", true, false, err);
}
static json_t *run_le(json_t **a, size_t n, struct error **err)
{
    return ordered(a, "le", true, true, err);
}
static json_t *run_gt(json_t **a, size_t n, struct error **err)
{
    return ordered(a, "gt", false, false, err);
}
static json_t *run_ge(json_t **a, size_t n, struct error **err)
{
    return ordered(a, "ge", false, true, err);
}

static json_t *run_len(json_t **a, size_t n, struct error **err)
{
    if (json_is_string(a[0])) {
        return json_integer((json_int_t)json_string_length(a[0]));
    }
    if (json_is_array(a[0])) {
        return json_integer((json_int_t)json_array_size(a[0]));
    }
    if (json_is_object(a[0])) {
        return json_integer((json_int_t)json_object_size(a[0]));
    }
    return fail(err, "len", "a value that has no length");
}

static json_t *run_index(json_t **a, size_t n, struct error **err)
{
    json_t *v = a[0];
    for (size_t i = 1; i < n; i++) {
        if (json_is_object(v) && json_is_string(a[i])) {
            v = json_object_get(v, json_string_value(a[i]));
        } else if (json_is_null(v) && json_is_string(a[i])) {
            v = NULL;
        } else if (json_is_array(v) && json_is_integer(a[i])) {
            json_int_t at = json_integer_value(a[i]);
            if (at < 0 || (size_t)at >= json_array_size(v)) {
                return fail(err, "index", "out of range");
            }
            v = json_array_get(v, (size_t)at);
        } else {
            return fail(err, "index", "not a list with a number, nor a map with a text");
        }
        if (!v) { /* Go's zero value of a map of texts */
            return i + 1 == n ? json_string("") : fail(err, "index", "of an absent value");
        }
    }
    return json_incref(v);
}

static json_t *slice_array(const json_t *array, size_t from, size_t to)
{
    json_t *part = json_array();
    for (size_t i = from; i < to; i++) {
        json_array_append(part, json_array_get(array, i));
    }
    return part;
}

static json_t *run_slice(json_t **a, size_t n, struct error **err)
{
    size_t len = json_is_string(a[0]) ? json_string_length(a[0]) : json_array_size(a[0]);
    json_int_t from = n > 1 ? json_integer_value(a[1]) : 0;
    json_int_t to = n > 2 ? json_integer_value(a[2]) : (json_int_t)len;
    bool known = json_is_string(a[0]) || json_is_array(a[0]);
    if (!known || (n > 1 && !json_is_integer(a[1])) || (n > 2 && !json_is_integer(a[2]))) {
        return fail(err, "slice", "takes a text or a list, and numbers");
    }
    if (from < 0 || to < from || (size_t)to > len) {
        return fail(err, "slice", "out of range");
    }
    if (json_is_array(a[0])) {
        return slice_array(a[0], (size_t)from, (size_t)to);
    }
    json_t *part = json_stringn(json_string_value(a[0]) + from, (size_t)(to - from));
    return part ? part : fail(err, "slice", "cuts through a character");
}

static json_t *run_print(json_t **a, size_t n, struct error **err)
{
    CLEANUP(strbuf) struct strbuf b = {.max = TEMPLATE_OUTPUT_MAX};
    for (size_t i = 0; i < n; i++) { /* Go's Sprint: a space where neither side is a text */
        if (i && !json_is_string(a[i]) && !json_is_string(a[i - 1])) {
            strbuf_addc(&b, ' ');
        }
        template_print(&b, a[i]);
    }
    return string_of(&b);
}

static json_t *run_println(json_t **a, size_t n, struct error **err)
{
    CLEANUP(strbuf) struct strbuf b = {.max = TEMPLATE_OUTPUT_MAX};
    for (size_t i = 0; i < n; i++) {
        strbuf_adds(&b, i ? " " : "");
        template_print(&b, a[i]);
    }
    strbuf_addc(&b, '\n');
    return string_of(&b);
}

static json_t *run_printf(json_t **a, size_t n, struct error **err)
{
    if (!json_is_string(a[0])) {
        return fail(err, "printf", "the format is not a text");
    }
    CLEANUP(strbuf) struct strbuf b = {.max = TEMPLATE_OUTPUT_MAX};
    template_printf(&b, json_string_value(a[0]), a + 1, n - 1);
    return string_of(&b);
}

/* Go's encoder sorts the keys of maps; ours are structs as well, whose order is kept. */
static json_t *run_json(json_t **a, size_t n, struct error **err)
{
    CLEANUP(free) char *text = json_dumps(a[0], JSON_COMPACT | JSON_ENCODE_ANY);
    return text ? json_string_nocheck(text) : fail(err, "json", "a text that is not UTF-8");
}

static json_t *run_join(json_t **a, size_t n, struct error **err)
{
    if (json_is_null(a[0])) {
        return json_string("");
    }
    if (!json_is_array(a[0]) || !json_is_string(a[1])) {
        return fail(err, "join", "takes a list and a text");
    }
    CLEANUP(strbuf) struct strbuf b = {.max = TEMPLATE_OUTPUT_MAX};
    for (size_t i = 0; i < json_array_size(a[0]); i++) {
        if (i) {
            template_print(&b, a[1]);
        }
        template_print(&b, json_array_get(a[0], i));
    }
    return string_of(&b);
}

static json_t *run_split(json_t **a, size_t n, struct error **err)
{
    if (!json_is_string(a[0]) || !json_is_string(a[1]) || !json_string_length(a[1])) {
        return fail(err, "split", "takes two texts");
    }
    json_t *parts = json_array();
    const char *s = json_string_value(a[0]), *separator = json_string_value(a[1]);
    for (const char *end; (end = strstr(s, separator)); s = end + strlen(separator)) {
        json_array_append_new(parts, json_stringn_nocheck(s, (size_t)(end - s)));
    }
    json_array_append_new(parts, json_string_nocheck(s));
    return parts;
}

static json_t *change_letters(const char *name, const json_t *v, int (*change)(int),
                              bool words_only, struct error **err)
{
    if (!json_is_string(v)) {
        return fail(err, name, "takes a text");
    }
    CLEANUP(strbuf) struct strbuf b = {0};
    char before = ' ';
    for (const char *s = json_string_value(v); *s; before = *s++) {
        bool starts = !isalnum((unsigned char)before) && before != '_' && before != '\'';
        bool ascii = (unsigned char)*s < 0x80;
        strbuf_addc(&b, ascii && (!words_only || starts) ? (char)change(*s) : *s);
    }
    return string_of(&b);
}

static json_t *run_lower(json_t **a, size_t n, struct error **err)
{
    return change_letters("lower", a[0], tolower, false, err);
}
static json_t *run_upper(json_t **a, size_t n, struct error **err)
{
    return change_letters("upper", a[0], toupper, false, err);
}
static json_t *run_title(json_t **a, size_t n, struct error **err)
{
    return change_letters("title", a[0], toupper, true, err);
}

/* pad TEXT BEFORE BEHIND: spaces around what is not empty. */
static json_t *run_pad(json_t **a, size_t n, struct error **err)
{
    json_int_t before = json_integer_value(a[1]), behind = json_integer_value(a[2]);
    if (!json_is_string(a[0]) || before < 0 || behind < 0 || before > 4096 || behind > 4096) {
        return fail(err, "pad", "takes a text and two small numbers");
    }
    if (!json_string_length(a[0])) {
        return json_incref(a[0]);
    }
    CLEANUP(strbuf) struct strbuf b = {0};
    strbuf_addf(&b, "%*s%s%*s", (int)before, "", json_string_value(a[0]), (int)behind, "");
    return string_of(&b);
}

static json_t *run_truncate(json_t **a, size_t n, struct error **err)
{
    json_int_t len = json_integer_value(a[1]);
    if (!json_is_string(a[0]) || !json_is_integer(a[1]) || len < 0) {
        return fail(err, "truncate", "takes a text and a number");
    }
    if ((size_t)len >= json_string_length(a[0])) {
        return json_incref(a[0]);
    }
    const char *s = json_string_value(a[0]);
    while (len > 0 && ((unsigned char)s[len] & 0xc0) == 0x80) {
        len--; /* not through a character */
    }
    return json_stringn(s, (size_t)len);
}

static const struct template_function functions[] = {
    {"and", 1, -1, NULL, .lazy = true},
    {"or", 1, -1, NULL, .lazy = true},
    {"not", 1, 1, run_not},
    {"eq", 2, -1, run_eq},
    {"ne", 2, 2, run_ne},
    {"lt", 2, 2, run_lt},
    {"le", 2, 2, run_le},
    {"gt", 2, 2, run_gt},
    {"ge", 2, 2, run_ge},
    {"len", 1, 1, run_len},
    {"index", 1, -1, run_index},
    {"slice", 1, 3, run_slice},
    {"print", 0, -1, run_print},
    {"printf", 1, -1, run_printf},
    {"println", 0, -1, run_println},
    {"json", 1, 1, run_json, .leaves_head = true},
    {"join", 2, 2, run_join, .leaves_head = true},
    {"split", 2, 2, run_split, .leaves_head = true},
    {"lower", 1, 1, run_lower, .leaves_head = true},
    {"upper", 1, 1, run_upper, .leaves_head = true},
    {"title", 1, 1, run_title, .leaves_head = true},
    {"pad", 3, 3, run_pad},
    {"truncate", 2, 2, run_truncate, .leaves_head = true},
};

const struct template_function *template_function_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(functions); i++) {
        if (str_equal(functions[i].name, name)) {
            return &functions[i];
        }
    }
    return NULL;
}

const char *template_function_near(const char *name)
{
    const char *best = NULL;
    size_t best_distance = strlen(name) / 3 + 1;
    for (size_t i = 0; i < ARRAY_SIZE(functions); i++) {
        size_t d = str_distance(name, functions[i].name);
        if (d <= best_distance && (!best || d < best_distance)) {
            best = functions[i].name;
            best_distance = d;
        }
    }
    return best;
}
