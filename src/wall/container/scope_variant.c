// SPDX-License-Identifier: Apache-2.0
/* Values in GVariant's text format, as annotations give them, into a D-Bus signature and JSON.
 * Pure.
 *
 *     'text' "text" true 12 0x1f 1.5 uint64 5 byte 7 ['a', 'b'] ('a', uint32 1) @as []
 *
 * Dictionaries, maybe types and byte strings, which no property of a unit takes, are not read.
 * Specification: GLib's "GVariant Text Format". */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "wall/container/scope.h"

#define DEPTH_MAX 8
#define SECOND_US 1000000

struct reader {
    const char *at;
    int depth;
};

static int read_value(struct reader *r, const char *expected, struct strbuf *signature,
                      json_t **ret);

static void skip_space(struct reader *r)
{
    r->at += strspn(r->at, " \t\n");
}

static bool take(struct reader *r, char c)
{
    skip_space(r);
    if (*r->at != c) {
        return false;
    }
    r->at++;
    return true;
}

static size_t type_length(const char *s)
{
    size_t arrays = strspn(s, "a");
    s += arrays;
    int depth = 0;
    size_t n = 0;
    do {
        depth += (s[n] == '(') - (s[n] == ')');
        n += s[n] != '\0';
    } while (depth > 0 && s[n]);
    return arrays + n;
}

static int read_text(struct reader *r, json_t **ret)
{
    char quote = *r->at++;
    CLEANUP(strbuf) struct strbuf text = {0};
    for (; *r->at && *r->at != quote; r->at++) {
        static const char escapes[] = "n\nt\tr\rb\bf\fv\va\a";
        if (*r->at == '\\') {
            r->at++;
            const char *e = *r->at ? strchr(escapes, *r->at) : NULL;
            if (!*r->at || *r->at == 'u' || *r->at == 'U') {
                return -EINVAL;
            }
            strbuf_addc(&text, e && (e - escapes) % 2 == 0 ? e[1] : *r->at);
        } else {
            strbuf_addc(&text, *r->at);
        }
    }
    *ret = json_string(str_or(text.data, ""));
    return *r->at++ == quote && *ret ? 0 : -EINVAL;
}

/* The least and the largest of each type of integer. */
static int check_range(char type, bool negative, uint64_t size)
{
    static const struct {
        char type;
        uint64_t below, above;
    } types[] = {
        {'y', 0, UINT8_MAX},  {'n', 32768, INT16_MAX},      {'q', 0, UINT16_MAX},
        {'u', 0, UINT32_MAX}, {'i', 2147483648, INT32_MAX}, {'t', 0, UINT64_MAX},
        {'h', 0, 0},          {'x', 1ull << 63, INT64_MAX},
    };
    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        if (types[i].type == type) {
            return size <= (negative ? types[i].below : types[i].above) ? 0 : -ERANGE;
        }
    }
    return -EINVAL;
}

static int read_number(struct reader *r, char expected, struct strbuf *signature, json_t **ret)
{
    size_t len = strspn(r->at, "+-.0123456789abcdefABCDEFxX");
    CLEANUP(free) char *text = xstrndup(r->at, len);
    r->at += len;
    const char *digits = text + (*text == '-' || *text == '+');
    bool hex = str_starts(digits, "0x") || str_starts(digits, "0X");
    bool real = !hex && strpbrk(text, ".eE");
    char type = expected ? expected : real ? 'd' : 'i';
    strbuf_addc(signature, type);
    if (type == 'd') {
        char *end;
        double d = strtod(text, &end);
        *ret = *text && !*end && isfinite(d) ? json_real(d) : NULL;
        return *ret ? 0 : -EINVAL;
    }
    uint64_t size = 0;
    int result = real ? -EINVAL : str_to_u64(digits + (hex ? 2 : 0), hex ? 16 : 10, &size);
    result = result < 0 ? result : check_range(type, *text == '-', size);
    if (result == 0) {
        *ret = json_integer((json_int_t)(*text == '-' ? -size : size));
    }
    return result;
}

/* Members of an array or a tuple up to `end`, each of what is expected of it. */
static int read_members(struct reader *r, char end, const char *expected, struct strbuf *signature,
                        json_t *list)
{
    CLEANUP(free) char *element = NULL; /* an array's: that of its first */
    while (!take(r, end)) {
        if (json_array_size(list) && !take(r, ',')) {
            return -EINVAL;
        }
        if (json_array_size(list) && end == ')' && take(r, end)) {
            return 0; /* ('a',) is a tuple of one */
        }
        CLEANUP(strbuf) struct strbuf one = {0};
        CLEANUP(free) char *wanted = expected ? xstrndup(expected, type_length(expected)) : NULL;
        json_t *value = NULL;
        int result = read_value(r, end == ']' && element ? element : wanted, &one, &value);
        if (result < 0) {
            json_decref(value);
            return result;
        }
        (void)json_array_append_new(list, value);
        if (end == ')') {
            strbuf_adds(signature, one.data);
            expected = expected ? expected + strlen(wanted) : NULL;
        } else if (!element) {
            element = xstrdup(one.data);
        } else if (!str_equal(element, one.data)) {
            return -EINVAL;
        }
    }
    if (end == ']') {
        CLEANUP(free) char *wanted = expected ? xstrndup(expected, type_length(expected)) : NULL;
        if (!element && !wanted) {
            return -EINVAL; /* of what? */
        }
        strbuf_adds(signature, element ? element : wanted);
    }
    return 0;
}

static int read_list(struct reader *r, const char *expected, struct strbuf *signature, json_t **ret)
{
    bool tuple = *r->at++ == '(';
    if (expected && *expected != (tuple ? '(' : 'a')) {
        return -EINVAL;
    }
    strbuf_addc(signature, tuple ? '(' : 'a');
    *ret = json_array();
    int result =
        read_members(r, tuple ? ')' : ']', expected ? expected + 1 : NULL, signature, *ret);
    if (tuple) {
        strbuf_addc(signature, ')');
        result = json_array_size(*ret) ? result : -EINVAL;
    }
    return result;
}

/* "uint64 5": the type that a word names, or NULL. */
static const char *named_type(struct reader *r)
{
    static const struct {
        const char *word, *type;
    } words[] = {
        {"boolean ", "b"}, {"byte ", "y"},       {"int16 ", "n"},  {"uint16 ", "q"},
        {"int32 ", "i"},   {"uint32 ", "u"},     {"int64 ", "x"},  {"uint64 ", "t"},
        {"double ", "d"},  {"objectpath ", "o"}, {"string ", "s"}, {"signature ", "g"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if (str_starts(r->at, words[i].word)) {
            r->at += strlen(words[i].word);
            return words[i].type;
        }
    }
    return NULL;
}

static int read_atom(struct reader *r, const char *expected, struct strbuf *signature, json_t **ret)
{
    bool truth = str_starts(r->at, "true");
    char type = expected ? *expected : '\0';
    if (truth || str_starts(r->at, "false")) {
        r->at += truth ? 4 : 5;
        strbuf_addc(signature, 'b');
        *ret = json_boolean(truth);
        return type && type != 'b' ? -EINVAL : 0;
    }
    if (*r->at == '\'' || *r->at == '"') {
        strbuf_addc(signature, type ? type : 's');
        return type && !strchr("sog", type) ? -EINVAL : read_text(r, ret);
    }
    return type && !strchr("ynqiuxtd", type) ? -EINVAL : read_number(r, type, signature, ret);
}

/* "@as " or "uint64 " in front of a value: the type in *ret, owned, or NULL. */
static int read_type(struct reader *r, char **ret)
{
    if (*r->at != '@') {
        *ret = xstrdup(named_type(r));
        return 0;
    }
    size_t len = strspn(r->at + 1, "abynqiuxtdsog()");
    *ret = xstrndup(r->at + 1, len);
    r->at += 1 + len;
    return len && type_length(*ret) == len ? 0 : -EINVAL;
}

static int read_value(struct reader *r, const char *expected, struct strbuf *signature,
                      json_t **ret)
{
    CLEANUP(free) char *written = NULL;
    skip_space(r);
    int result = read_type(r, &written);
    if (result < 0 || (written && expected && !str_equal(written, expected)) ||
        ++r->depth > DEPTH_MAX) {
        return -EINVAL;
    }
    expected = written ? written : expected;
    skip_space(r);
    result = *r->at == '[' || *r->at == '(' ? read_list(r, expected, signature, ret)
                                            : read_atom(r, expected, signature, ret);
    r->depth--;
    return result == 0 && expected && !str_equal(signature->data, expected) ? -EINVAL : result;
}

static bool is_property_name(const char *name)
{
    size_t n = strlen(name);
    return n >= 3 && n < 100 &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") == n;
}

/* Seconds, in whichever type, as the microseconds that the bus takes. */
static json_t *microseconds(const json_t *value)
{
    double seconds = json_number_value(value);
    if (!json_is_number(value) || seconds < 0 || seconds * SECOND_US > (double)(1ll << 53)) {
        return NULL;
    }
    return json_integer((json_int_t)(seconds * SECOND_US));
}

int scope_property_parse(const char *name, const char *text, json_t *properties, struct error **err)
{
    struct reader r = {.at = text};
    CLEANUP(strbuf) struct strbuf signature = {0};
    CLEANUP(json) json_t *value = NULL;
    if (!is_property_name(name)) {
        return error_set(err, ERROR_INVALID_INPUT, EINVAL, "'%s' is no systemd property", name);
    }
    int result = read_value(&r, NULL, &signature, &value);
    skip_space(&r);
    if (result < 0 || *r.at) {
        return error_set(err, ERROR_INVALID_INPUT, EINVAL,
                         "'%s' is no value in GVariant's text format", text);
    }
    size_t len = strlen(name);
    bool in_seconds =
        str_ends(name, "Sec") && len > 3 && name[len - 4] >= 'a' && name[len - 4] <= 'z';
    if (!in_seconds) {
        (void)json_array_append_new(properties,
                                    json_pack("[s, s, O]", name, signature.data, value));
        return 0;
    }
    json_t *us = microseconds(value);
    if (!us) {
        return error_set(err, ERROR_INVALID_INPUT, EINVAL, "'%s' is no number of seconds", text);
    }
    CLEANUP(free) char *full = str_format("%.*sUSec", (int)len - 3, name);
    (void)json_array_append_new(properties, json_pack("[s, s, o]", full, "t", us));
    return 0;
}
