// SPDX-License-Identifier: Apache-2.0
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/template/internal.h"

#define WIDTH_MAX 4096 /* of one field of printf */

static void print_real(struct strbuf *out, double d)
{
    char text[64];
    snprintf(text, sizeof(text), "%.17g", d);
    for (int digits = 1; digits < 17; digits++) { /* the shortest text that reads back equal */
        char shorter[64];
        snprintf(shorter, sizeof(shorter), "%.*g", digits, d);
        if (strtod(shorter, NULL) == d) {
            memcpy(text, shorter, sizeof(text));
            break;
        }
    }
    strbuf_adds(out, text);
}

/* An empty object in an object is what Go has as an empty struct: a port that is exposed. */
static void print_map(struct strbuf *out, json_t *map)
{
    CLEANUP(free) const char **keys = json_sorted_keys(map);
    size_t count = json_object_size(map);
    strbuf_adds(out, "map[");
    for (size_t i = 0; i < count; i++) {
        strbuf_addf(out, "%s%s:", i ? " " : "", keys[i]);
        json_t *v = json_object_get(map, keys[i]);
        if (json_is_object(v) && !json_object_size(v)) {
            strbuf_adds(out, "{}");
        } else {
            template_print(out, v);
        }
    }
    strbuf_addc(out, ']');
}

void template_print(struct strbuf *out, const json_t *v)
{
    if (!v || json_is_null(v)) {
        strbuf_adds(out, "<nil>");
    } else if (json_is_string(v)) {
        strbuf_add(out, json_string_value(v), json_string_length(v));
    } else if (json_is_integer(v)) {
        strbuf_addf(out, "%lld", (long long)json_integer_value(v));
    } else if (json_is_real(v)) {
        print_real(out, json_real_value(v));
    } else if (json_is_boolean(v)) {
        strbuf_adds(out, json_is_true(v) ? "true" : "false");
    } else if (json_is_object(v)) {
        print_map(out, (json_t *)v); /* read only: jansson's iterators want it so */
    } else {
        strbuf_addc(out, '[');
        for (size_t i = 0; i < json_array_size(v); i++) {
            strbuf_adds(out, i ? " " : "");
            template_print(out, json_array_get(v, i));
        }
        strbuf_addc(out, ']');
    }
}

/* One "%-5.2s" of a format. */
struct verb {
    bool left, zero, plus, space, sharp;
    int width, precision; /* precision -1: none */
    char letter;
};

static int take_number(const char **s)
{
    int n = 0;
    while (isdigit((unsigned char)**s)) {
        n = n > WIDTH_MAX ? n : n * 10 + (**s - '0');
        (*s)++;
    }
    return n > WIDTH_MAX ? WIDTH_MAX : n;
}

static struct verb take_verb(const char **s)
{
    struct verb v = {.precision = -1};
    for (;; (*s)++) {
        if (**s == '-') {
            v.left = true;
        } else if (**s == '0') {
            v.zero = true;
        } else if (**s == '+') {
            v.plus = true;
        } else if (**s == ' ') {
            v.space = true;
        } else if (**s == '#') {
            v.sharp = true;
        } else {
            break;
        }
    }
    v.width = take_number(s);
    if (**s == '.') {
        (*s)++;
        v.precision = take_number(s);
    }
    v.letter = **s;
    *s += **s != '\0';
    return v;
}

static void add_quoted(struct strbuf *b, const char *s)
{
    strbuf_addc(b, '"');
    for (; *s; s++) {
        static const char letters[] = "\a\b\f\n\r\t\v\\\"", names[] = "abfnrtv\\\"";
        const char *at = strchr(letters, *s);
        if (at) {
            strbuf_addf(b, "\\%c", names[at - letters]);
        } else if ((unsigned char)*s < 0x20 || *s == 0x7f) {
            strbuf_addf(b, "\\x%02x", (unsigned char)*s);
        } else {
            strbuf_addc(b, *s);
        }
    }
    strbuf_addc(b, '"');
}

static void add_integer(struct strbuf *b, const struct verb *v, json_int_t n)
{
    unsigned long long size = n < 0 ? 0ULL - (unsigned long long)n : (unsigned long long)n;
    const char *sign = n < 0 ? "-" : v->plus ? "+" : v->space ? " " : "";
    const char *prefix = !v->sharp ? "" : v->letter == 'x' ? "0x" : v->letter == 'X' ? "0X" : "";
    char digits[32];
    snprintf(digits, sizeof(digits),
             v->letter == 'x'   ? "%llx"
             : v->letter == 'X' ? "%llX"
             : v->letter == 'o' ? "%llo"
                                : "%llu",
             size);
    int pad =
        v->zero && !v->left ? v->width - (int)(strlen(sign) + strlen(prefix) + strlen(digits)) : 0;
    strbuf_addf(b, "%s%s", sign, prefix);
    for (; pad > 0; pad--) {
        strbuf_addc(b, '0');
    }
    strbuf_adds(b, digits);
}

static void add_real(struct strbuf *b, const struct verb *v, double d)
{
    int precision = v->precision < 0 ? 6 : v->precision;
    char format[] = {'%', v->plus ? '+' : '-', '.', '*', v->letter, '\0'};
    CLEANUP(free) char *text = NULL;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    if (v->letter == 'g' && v->precision < 0) {
        print_real(b, d);
        return;
    }
    text = str_format(format, precision, d); /* the letter is one of e, f, g, E, G */
#pragma GCC diagnostic pop
    strbuf_adds(b, text);
}

/* How Go calls the type of a value in "%!d(string=x)". */
static const char *type_name(const json_t *v)
{
    return json_is_string(v)    ? "string"
           : json_is_integer(v) ? "int"
           : json_is_real(v)    ? "float64"
           : json_is_boolean(v) ? "bool"
           : json_is_array(v)   ? "[]interface {}"
           : json_is_object(v)  ? "map[string]interface {}"
                                : "<nil>";
}

static void add_hex(struct strbuf *b, const char *format, const json_t *v)
{
    for (size_t i = 0; i < json_string_length(v); i++) {
        unsigned char byte = (unsigned char)json_string_value(v)[i];
        strbuf_addf(b, *format == 'x' ? "%02x" : "%02X", byte);
    }
}

/* The value in the verb's way, before padding. */
static void add_value(struct strbuf *b, const struct verb *v, const json_t *value)
{
    char c = v->letter;
    if (c == 'v' || (c == 's' && (json_is_string(value) || json_is_array(value)))) {
        size_t start = b->len;
        template_print(b, value);
        if (v->precision >= 0 && json_is_string(value) && b->len - start > (size_t)v->precision) {
            b->len = start + (size_t)v->precision;
            b->data[b->len] = '\0';
        }
    } else if (c == 'q' && json_is_string(value)) {
        add_quoted(b, json_string_value(value));
    } else if ((c == 'x' || c == 'X') && json_is_string(value)) {
        add_hex(b, c == 'x' ? "x" : "X", value);
    } else if (c && strchr("dxXo", c) && json_is_integer(value)) {
        add_integer(b, v, json_integer_value(value));
    } else if (c == 'c' && json_is_integer(value) && json_integer_value(value) < 128) {
        strbuf_addc(b, (char)json_integer_value(value));
    } else if (c && strchr("fegEG", c) && json_is_real(value)) {
        add_real(b, v, json_real_value(value));
    } else if (c == 't' && json_is_boolean(value)) {
        template_print(b, value);
    } else {
        strbuf_addf(b, "%%!%c(%s=", c, type_name(value));
        template_print(b, value);
        strbuf_addc(b, ')');
    }
}

/* Width counts characters, not bytes. */
static int characters(const char *s, size_t len)
{
    int n = 0;
    for (size_t i = 0; i < len; i++) {
        n += ((unsigned char)s[i] & 0xc0) != 0x80;
    }
    return n;
}

static void add_padded(struct strbuf *out, const struct verb *v, const json_t *value)
{
    CLEANUP(strbuf) struct strbuf b = {0};
    add_value(&b, v, value);
    int pad = v->width - characters(str_or(b.data, ""), b.len);
    for (int i = 0; i < pad && !v->left; i++) {
        strbuf_addc(out, ' ');
    }
    strbuf_add(out, b.data, b.len);
    for (int i = 0; i < pad && v->left; i++) {
        strbuf_addc(out, ' ');
    }
}

void template_printf(struct strbuf *out, const char *format, json_t **arguments, size_t count)
{
    size_t used = 0;
    while (*format) {
        size_t plain = strcspn(format, "%");
        strbuf_add(out, format, plain);
        format += plain;
        if (!*format) {
            break;
        }
        format++;
        struct verb v = take_verb(&format);
        if (v.letter == '%') {
            strbuf_addc(out, '%');
        } else if (!v.letter) {
            strbuf_adds(out, "%!(NOVERB)");
        } else if (used < count) {
            add_padded(out, &v, arguments[used++]);
        } else {
            strbuf_addf(out, "%%!%c(MISSING)", v.letter);
        }
    }
    for (bool first = true; used < count; used++, first = false) {
        strbuf_adds(out, first ? "%!(EXTRA " : ", ");
        strbuf_addf(out, "%s=", type_name(arguments[used]));
        template_print(out, arguments[used]);
        strbuf_adds(out, used + 1 == count ? ")" : "");
    }
}
