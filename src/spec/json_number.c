// SPDX-License-Identifier: Apache-2.0
#include "spec/json_number.h"

#include <string.h>

#include "base/json.h"
#include "base/str.h"

#define DIGITS_MIN 19 /* 2^63 has 19 digits, 2^64 has 20 */
#define DIGITS_MAX 20

static size_t digit_count(const char *text)
{
    return strspn(text, "0123456789");
}

static bool is_big(const char *digits, size_t n)
{
    char copy[DIGITS_MAX + 1];
    uint64_t value = 0;
    if (n < DIGITS_MIN || n > DIGITS_MAX) {
        return false;
    }
    memcpy(copy, digits, n);
    copy[n] = '\0';
    return str_to_u64(copy, 10, &value) == 0 && value > (uint64_t)INT64_MAX;
}

/* The end of the string literal that starts at `text`. */
static const char *skip_string(const char *text)
{
    const char *p = text + 1;
    while (*p && *p != '"') {
        p += p[0] == '\\' && p[1] ? 2 : 1;
    }
    return *p ? p + 1 : p;
}

/* A copy of the text with quotes around each integer that is too big. */
static char *quote_big(const char *text)
{
    struct strbuf out = {0};
    for (const char *p = text, *end; *p; p = end) {
        size_t digits = digit_count(p);
        if (*p == '"') {
            end = skip_string(p);
            strbuf_add(&out, p, (size_t)(end - p));
        } else if (digits) {
            end = p + digits;
            bool whole = !strchr(".eE", *end) || !*end;
            bool alone = p == text || !strchr("-.+eE", p[-1]);
            strbuf_addf(&out, whole && alone && is_big(p, digits) ? "\"%.*s\"" : "%.*s",
                        (int)digits, p);
        } else {
            end = p + 1;
            strbuf_addc(&out, *p);
        }
    }
    return strbuf_take(&out);
}

int json_number_parse(const char *text, size_t len, const char *where, json_t **ret,
                      struct error **err)
{
    json_error_t e;
    *ret = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &e);
    if (*ret) {
        return 0;
    }
    if (json_error_code(&e) != json_error_numeric_overflow || strlen(text) != len) {
        return json_parse(text, len, where, ret, err); /* fails again, with its words */
    }
    CLEANUP(free) char *quoted = quote_big(text);
    return json_parse(quoted, strlen(quoted), where, ret, err);
}

/* The properties that hold such numbers; an annotation's value stays a string. */
static bool is_number_property(const char *line_start, const char *value)
{
    static const char *const keys[] = {
        "\"hard\":", "\"soft\":", "\"value\":", "\"valueTwo\":", "\"limit\":", "\"rate\":", NULL};
    const char *end = value;
    while (end > line_start && end[-1] == ' ') {
        end--;
    }
    for (size_t i = 0; keys[i]; i++) {
        size_t n = strlen(keys[i]);
        if ((size_t)(end - line_start) >= n && memcmp(end - n, keys[i], n) == 0) {
            return true;
        }
    }
    return false;
}

char *json_number_dump(const json_t *json, size_t flags)
{
    CLEANUP(free) char *text = json_dumps(json, flags);
    if (!text) {
        return NULL;
    }
    struct strbuf out = {0};
    for (const char *p = text, *end; *p; p = end) {
        if (*p != '"') {
            end = p + strcspn(p, "\"");
            strbuf_add(&out, p, (size_t)(end - p));
            continue;
        }
        end = skip_string(p);
        size_t n = (size_t)(end - p), digits = digit_count(p + 1);
        bool unquote = digits + 2 == n && is_big(p + 1, digits) && is_number_property(text, p);
        strbuf_add(&out, unquote ? p + 1 : p, unquote ? digits : n);
    }
    return strbuf_take(&out);
}
