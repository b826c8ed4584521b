// SPDX-License-Identifier: Apache-2.0
#include "build/file/expand.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "build/file/glob.h"

#define DEPTH_MAX 64 /* of ${a:-${b:-…}} */

struct scan {
    const struct expansion *e;
    const char *text; /* whole, for messages */
    const char *s;    /* what is read next */
    struct strbuf out;
    struct strv *words; /* split at blanks into these; NULL: one word */
    bool in_word;
    bool is_pattern; /* its escapes are the pattern's */
    int depth;
    struct error **err;
};

static int scan_until(struct scan *c, char stop);

static int bad(struct scan *c, const char *what)
{
    return error_set(c->err, ERROR_INVALID_INPUT, 0, "%s in '%.200s'", what, c->text);
}

static int put(struct scan *c, const char *bytes, size_t len)
{
    if (c->out.len + len > EXPANSION_BYTES_MAX) {
        return error_set(c->err, ERROR_INVALID_INPUT, 0, "it expands to more than 16 MiB");
    }
    strbuf_add(&c->out, bytes, len);
    c->in_word = true;
    return 0;
}

static void end_word(struct scan *c)
{
    if (c->in_word) {
        strv_add_take(c->words, strbuf_take(&c->out));
    }
    c->in_word = false;
}

/* A variable's value outside quotes: its blanks split words. */
static int put_value(struct scan *c, const char *value, bool quoted)
{
    if (!c->words || quoted) {
        return *value || quoted ? put(c, value, strlen(value)) : 0;
    }
    int r = 0;
    for (; *value && r == 0; value++) {
        if (isspace((unsigned char)*value)) {
            end_word(c);
        } else {
            r = put(c, value, 1);
        }
    }
    return r;
}

static int scan_single(struct scan *c)
{
    const char *end = strchr(c->s + 1, '\'');
    if (!end) {
        return bad(c, "a single quote is left open");
    }
    bool keep = c->e->keep_quotes;
    int r = put(c, c->s + !keep, (size_t)(end - c->s) - 1 + (keep ? 2 : 0));
    c->s = end + 1;
    return r;
}

static bool is_name_start(char ch)
{
    return isalpha((unsigned char)ch) || ch == '_';
}

static size_t name_length(const char *s)
{
    size_t n = 0;
    if (is_name_start(*s)) {
        while (isalnum((unsigned char)s[n]) || s[n] == '_') {
            n++;
        }
    } else if (isdigit((unsigned char)*s)) {
        while (isdigit((unsigned char)s[n])) {
            n++;
        }
    } else if (*s && strchr("@*#-?!$", *s)) {
        n = 1;
    }
    return n;
}

/* What stands between here and the closing brace (or the '/' of a replacement), expanded. */
static int scan_operand(struct scan *c, char stop, bool is_pattern, char **ret)
{
    struct scan inner = {.e = c->e,
                         .text = c->text,
                         .s = c->s,
                         .is_pattern = is_pattern,
                         .depth = c->depth + 1,
                         .err = c->err};
    if (inner.depth > DEPTH_MAX) {
        return bad(c, "braces are nested too deep");
    }
    int r = scan_until(&inner, stop);
    c->s = inner.s;
    *ret = strbuf_take(&inner.out);
    return r;
}

/* "#", "##": from the front; "%", "%%": from the end. Doubled is the longest. */
static void cut_pattern(struct strbuf *out, const char *value, const char *pattern, char side,
                        bool longest)
{
    size_t len = strlen(value);
    if (side == '#') {
        long n = glob_prefix(pattern, value, len, longest);
        strbuf_adds(out, value + (n < 0 ? 0 : n));
        return;
    }
    for (size_t i = 0; i <= len; i++) { /* the longest tail begins first */
        size_t from = longest ? i : len - i;
        if (glob_prefix(pattern, value + from, len - from, true) == (long)(len - from)) {
            strbuf_add(out, value, from);
            return;
        }
    }
    strbuf_adds(out, value);
}

static void replace_pattern(struct strbuf *out, const char *value, const char *pattern,
                            const char *by, bool all)
{
    size_t len = strlen(value);
    bool done = false;
    for (size_t i = 0; i < len;) {
        long n = done ? -1 : glob_prefix(pattern, value + i, len - i, true);
        if (n > 0 && out->len <= EXPANSION_BYTES_MAX) {
            strbuf_adds(out, by);
            i += (size_t)n;
            done = !all;
        } else {
            strbuf_addc(out, value[i++]);
        }
    }
}

static int close_brace(struct scan *c)
{
    if (*c->s != '}') {
        return bad(c, "a brace is left open");
    }
    c->s++;
    return 0;
}

/* ":-", ":+", ":?", "-", "+", "?". */
static int scan_default(struct scan *c, const char *name, const char *value, bool quoted)
{
    bool colon = *c->s == ':';
    c->s += colon;
    char op = *c->s;
    if (!op || !strchr("-+?", op)) {
        return bad(c, "an unknown modifier");
    }
    c->s++;
    CLEANUP(free) char *word = NULL;
    int r = scan_operand(c, '}', false, &word);
    r = r < 0 ? r : close_brace(c);
    if (r < 0) {
        return r;
    }
    bool set = value && (!colon || *value);
    if (op == '?' && !set) {
        return error_set(c->err, ERROR_INVALID_INPUT, 0, "%s: %s", name,
                         *word   ? word
                         : value ? "is not allowed to be empty"
                                 : "is not allowed to be unset");
    }
    const char *result = op == '+' ? (set ? word : "") : set ? value : op == '-' ? word : "";
    return put_value(c, result, quoted);
}

static int scan_pattern(struct scan *c, const char *value, bool quoted)
{
    char op = *c->s++;
    bool twice = *c->s == op;
    c->s += twice;
    CLEANUP(free) char *pattern = NULL;
    CLEANUP(free) char *by = NULL;
    CLEANUP(strbuf) struct strbuf out = {.max = EXPANSION_BYTES_MAX};
    int r = scan_operand(c, op == '/' ? '/' : '}', true, &pattern);
    if (r == 0 && op == '/') {
        r = *c->s == '/' ? (c->s++, scan_operand(c, '}', false, &by)) : 0;
    }
    r = r < 0 ? r : close_brace(c);
    if (r < 0) {
        return r;
    }
    if (op == '/') {
        replace_pattern(&out, str_or(value, ""), pattern, str_or(by, ""), twice);
    } else {
        cut_pattern(&out, str_or(value, ""), pattern, op, twice);
    }
    return put_value(c, str_or(out.data, ""), quoted);
}

static const char *value_of(struct scan *c, const char *name)
{
    return c->e->lookup ? c->e->lookup(c->e->context, name) : NULL;
}

static void note_unset(struct scan *c, const char *name, const char *value)
{
    if (!value && c->e->unset && !strv_contains(c->e->unset, name)) {
        strv_add(c->e->unset, name);
    }
}

static int scan_braces(struct scan *c, bool quoted)
{
    c->s++;
    size_t n = name_length(c->s);
    if (!n) {
        return bad(c, "a bad substitution");
    }
    CLEANUP(free) char *name = xstrndup(c->s, n);
    c->s += n;
    CLEANUP(free) char *value = xstrdup(value_of(c, name));
    switch (*c->s) {
    case '}':
        c->s++;
        note_unset(c, name, value);
        return put_value(c, str_or(value, ""), quoted);
    case ':':
    case '-':
    case '+':
    case '?':
        return scan_default(c, name, value, quoted);
    case '#':
    case '%':
    case '/':
        return scan_pattern(c, value, quoted);
    case '\0':
        return bad(c, "a brace is left open");
    default:
        return bad(c, "an unknown modifier");
    }
}

static int scan_dollar(struct scan *c, bool quoted)
{
    c->s++;
    if (*c->s == '{') {
        return scan_braces(c, quoted);
    }
    size_t n = name_length(c->s);
    if (!n) {
        return put(c, "$", 1);
    }
    CLEANUP(free) char *name = xstrndup(c->s, n);
    c->s += n;
    const char *value = value_of(c, name);
    note_unset(c, name, value);
    return put_value(c, str_or(value, ""), quoted);
}

static int scan_escape(struct scan *c, bool in_double)
{
    char next = c->s[1];
    if (c->is_pattern && next) {
        int r = put(c, "\\", 1);
        r = r < 0 ? r : put(c, c->s + 1, 1);
        c->s += 2;
        return r;
    }
    bool keep = c->e->keep_quotes || (in_double && !strchr("\"$", next) && next != c->e->escape);
    if (!next || keep) {
        int r = put(c, c->s, next && c->e->keep_quotes && next != '$' ? 2 : 1);
        c->s += next && c->e->keep_quotes && next != '$' ? 2 : 1;
        if (r == 0 && c->e->keep_quotes && next == '$') { /* an escaped dollar: a plain one */
            c->out.data[--c->out.len] = '\0';
            r = put(c, c->s++, 1);
        }
        return r;
    }
    int r = put(c, c->s + 1, 1);
    c->s += 2;
    return r;
}

static int scan_double(struct scan *c)
{
    int r = put(c, c->s, c->e->keep_quotes);
    c->s++;
    while (r == 0 && *c->s != '"') {
        if (!*c->s) {
            return bad(c, "a double quote is left open");
        }
        if (*c->s == '$') {
            r = scan_dollar(c, true);
        } else if (*c->s == c->e->escape) {
            r = scan_escape(c, true);
        } else {
            r = put(c, c->s++, 1);
        }
    }
    r = r < 0 ? r : put(c, c->s, c->e->keep_quotes);
    c->s++;
    return r;
}

/* To the end, or to the character `stop` outside quotes, which is not taken; a replacement's
 * pattern ends at the closing brace too. */
static int scan_until(struct scan *c, char stop)
{
    int r = 0;
    bool plain = c->e->keep_quotes && c->depth == 0; /* a here-document has no quotes of its own */
    while (r == 0 && *c->s) {
        if (stop && (*c->s == stop || *c->s == '}')) {
            return 0;
        }
        if (*c->s == '\'' && !plain) {
            r = scan_single(c);
        } else if (*c->s == '"' && !plain) {
            r = scan_double(c);
        } else if (*c->s == '$') {
            r = scan_dollar(c, plain);
        } else if (*c->s == c->e->escape) {
            r = scan_escape(c, false);
        } else if (c->words && isspace((unsigned char)*c->s)) {
            end_word(c);
            c->s++;
        } else {
            r = put(c, c->s++, 1);
        }
    }
    return r;
}

int expand_word(const struct expansion *e, const char *text, char **ret, struct error **err)
{
    struct scan c = {.e = e, .text = text, .s = text, .err = err};
    int r = scan_until(&c, 0);
    if (r == 0) {
        *ret = strbuf_take(&c.out);
    }
    strbuf_done(&c.out);
    return r;
}

int expand_words(const struct expansion *e, const char *text, struct strv *ret, struct error **err)
{
    struct scan c = {.e = e, .text = text, .s = text, .words = ret, .err = err};
    int r = scan_until(&c, 0);
    if (r == 0) {
        end_word(&c);
    }
    strbuf_done(&c.out);
    return r;
}
