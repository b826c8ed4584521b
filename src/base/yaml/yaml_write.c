// SPDX-License-Identifier: Apache-2.0
/* JSON values as YAML text: block style, strings quoted where they would read as something else. */
#include <ctype.h>
#include <string.h>

#include "base/yaml/yaml.h"

static bool looks_like_another_type(const char *s)
{
    static const char *const words[] = {"",   "~",    "null",  "true", "false", "yes",
                                        "no", "on",   "off",   "y",    "n",     "<<",
                                        "=",  ".inf", "-.inf", ".nan", NULL};
    CLEANUP(free) char *lower = xstrdup(s);
    for (char *c = lower; *c; c++) {
        *c = (char)tolower((unsigned char)*c);
    }
    return str_in(lower, words) || isdigit((unsigned char)s[0]) ||
           (strchr("+-.", s[0]) && strpbrk(s, "0123456789"));
}

static bool is_plain(const char *s)
{
    if (looks_like_another_type(s) || strchr("-?:,[]{}#&*!|>'\"%@` ", s[0])) {
        return false;
    }
    for (const char *c = s; *c; c++) {
        bool marks = (*c == ':' && (c[1] == ' ' || !c[1])) || (*c == ' ' && c[1] == '#');
        if ((unsigned char)*c < 0x20 || *c == 0x7f || marks || strchr(",[]{}", *c)) {
            return false;
        }
    }
    return s[strlen(s) - 1] != ' ';
}

static void write_quoted(const char *s, struct strbuf *out)
{
    strbuf_addc(out, '"');
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\') {
            strbuf_addc(out, '\\');
            strbuf_addc(out, *s);
        } else if (c == '\n') {
            strbuf_adds(out, "\\n");
        } else if (c == '\t') {
            strbuf_adds(out, "\\t");
        } else if (c < 0x20 || c == 0x7f) {
            strbuf_addf(out, "\\x%02x", c);
        } else {
            strbuf_addc(out, *s);
        }
    }
    strbuf_addc(out, '"');
}

static void write_string(const char *s, struct strbuf *out)
{
    if (is_plain(s)) {
        strbuf_adds(out, s);
    } else {
        write_quoted(s, out);
    }
}

static void write_value(const json_t *v, int indent, bool in_list, struct strbuf *out);

static void write_scalar(const json_t *v, struct strbuf *out)
{
    if (json_is_string(v)) {
        write_string(json_string_value(v), out);
    } else if (json_is_object(v)) {
        strbuf_adds(out, "{}");
    } else if (json_is_array(v)) {
        strbuf_adds(out, "[]");
    } else {
        CLEANUP(free) char *text = json_dumps(v, JSON_ENCODE_ANY | JSON_REAL_PRECISION(12));
        strbuf_adds(out, str_or(text, "null"));
    }
}

static bool is_nested(const json_t *v)
{
    return json_object_size(v) > 0 || json_array_size(v) > 0;
}

static void write_object(const json_t *v, int indent, bool in_list, struct strbuf *out)
{
    const char *key;
    json_t *value;
    bool first = true;
    json_object_foreach((json_t *)v, key, value)
    {
        strbuf_addf(out, "%*s", first && in_list ? 0 : indent, "");
        first = false;
        write_string(key, out);
        strbuf_adds(out, ":");
        if (is_nested(value)) {
            strbuf_addc(out, '\n');
            write_value(value, indent + 2, false, out);
        } else {
            strbuf_addc(out, ' ');
            write_scalar(value, out);
            strbuf_addc(out, '\n');
        }
    }
}

static void write_array(const json_t *v, int indent, bool in_list, struct strbuf *out)
{
    size_t i;
    json_t *value;
    json_array_foreach(v, i, value)
    {
        strbuf_addf(out, "%*s- ", i == 0 && in_list ? 0 : indent, "");
        if (is_nested(value)) {
            write_value(value, indent + 2, true, out);
        } else {
            write_scalar(value, out);
            strbuf_addc(out, '\n');
        }
    }
}

static void write_value(const json_t *v, int indent, bool in_list, struct strbuf *out)
{
    if (json_is_object(v)) {
        write_object(v, indent, in_list, out);
    } else {
        write_array(v, indent, in_list, out);
    }
}

void yaml_write(const json_t *value, struct strbuf *out)
{
    if (is_nested(value)) {
        write_value(value, 0, false, out);
    } else {
        write_scalar(value, out);
        strbuf_addc(out, '\n');
    }
}
