// SPDX-License-Identifier: Apache-2.0
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/template/internal.h"

struct lexer {
    struct template *t;
    const char *start, *at;
    struct token *tokens;
    size_t count;
    bool spaced;
    struct error **err;
};

static int fail(struct lexer *x, const char *what)
{
    return error_set(x->err, ERROR_USAGE, 0, "template: character %zu: %s",
                     (size_t)(x->at - x->start) + 1, what);
}

static struct token *push(struct lexer *x, enum token_kind kind)
{
    struct token *k = arena_push(x->t->arena, x->tokens, x->count);
    *k = (struct token){
        .kind = kind, .spaced = x->spaced, .at = (size_t)(x->at - x->start) + 1, .text = ""};
    x->spaced = false;
    return k;
}

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

static const char *take_word(struct lexer *x)
{
    const char *begin = x->at;
    while (is_word(*x->at)) {
        x->at++;
    }
    return arena_strndup(x->t->arena, begin, (size_t)(x->at - begin));
}

static int push_literal(struct lexer *x, json_t *value_take)
{
    if (!value_take) {
        return fail(x, "a string that is not UTF-8");
    }
    struct token *k = push(x, TOKEN_LITERAL);
    k->value = value_take;
    json_array_append_new(x->t->literals, value_take);
    return 0;
}

static void add_utf8(struct strbuf *b, uint32_t c)
{
    if (c < 0x80) {
        strbuf_addc(b, (char)c);
    } else if (c < 0x800) {
        strbuf_addc(b, (char)(0xc0 | c >> 6));
        strbuf_addc(b, (char)(0x80 | (c & 0x3f)));
    } else if (c < 0x10000) {
        strbuf_addc(b, (char)(0xe0 | c >> 12));
        strbuf_addc(b, (char)(0x80 | (c >> 6 & 0x3f)));
        strbuf_addc(b, (char)(0x80 | (c & 0x3f)));
    } else {
        strbuf_addc(b, (char)(0xf0 | c >> 18));
        strbuf_addc(b, (char)(0x80 | (c >> 12 & 0x3f)));
        strbuf_addc(b, (char)(0x80 | (c >> 6 & 0x3f)));
        strbuf_addc(b, (char)(0x80 | (c & 0x3f)));
    }
}

/* \n, \x41, \u00e9 …, the backslash already taken. */
static int take_escape(struct lexer *x, struct strbuf *b)
{
    static const char letters[] = "abfnrtv\\'\"", values[] = "\a\b\f\n\r\t\v\\'\"";
    char c = *x->at;
    const char *simple = c ? strchr(letters, c) : NULL;
    if (simple) {
        strbuf_addc(b, values[simple - letters]);
        x->at++;
        return 0;
    }
    int digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    if (!digits) {
        return fail(x, "an unknown escape in a string");
    }
    uint32_t value = 0;
    x->at++;
    for (int i = 0; i < digits; i++, x->at++) {
        if (!isxdigit((unsigned char)*x->at)) {
            return fail(x, "an escape with too few digits");
        }
        char d = (char)tolower((unsigned char)*x->at);
        value = value * 16 + (uint32_t)(d >= 'a' ? d - 'a' + 10 : d - '0');
    }
    if (value == 0 || value > 0x10ffff) {
        return fail(x, "an escape outside Unicode");
    }
    add_utf8(b, value);
    return 0;
}

/* "…" with escapes, or '…' (one character, a number in Go). */
static int lex_quoted(struct lexer *x)
{
    char quote = *x->at++;
    CLEANUP(strbuf) struct strbuf b = {0};
    while (*x->at != quote) {
        if (*x->at == '\0' || *x->at == '\n') {
            return fail(x, "a string without end");
        }
        if (*x->at != '\\') {
            strbuf_addc(&b, *x->at++);
            continue;
        }
        x->at++;
        int r = take_escape(x, &b);
        if (r < 0) {
            return r;
        }
    }
    x->at++;
    if (quote == '\'') {
        if (b.len != 1) {
            return fail(x, "a character in quotes is one ASCII character");
        }
        return push_literal(x, json_integer((unsigned char)b.data[0]));
    }
    return push_literal(x, json_stringn(b.data ? b.data : "", b.len));
}

static int lex_raw(struct lexer *x)
{
    const char *end = strchr(++x->at, '`');
    if (!end) {
        return fail(x, "a string without end");
    }
    int r = push_literal(x, json_stringn(x->at, (size_t)(end - x->at)));
    x->at = end + 1;
    return r;
}

static int lex_number(struct lexer *x)
{
    const char *begin = x->at;
    if (*x->at == '+' || *x->at == '-') {
        x->at++;
    }
    while (is_word(*x->at) || *x->at == '.') {
        x->at++;
    }
    CLEANUP(free) char *text = xstrndup(begin, (size_t)(x->at - begin));
    int64_t n;
    if (str_to_i64(text[0] == '+' ? text + 1 : text, 0, &n) == 0) {
        return push_literal(x, json_integer(n));
    }
    char *end;
    double d = strtod(text, &end);
    if (*end || d - d != 0) {
        return fail(x, "not a number");
    }
    return push_literal(x, json_real(d));
}

static int lex_variable(struct lexer *x)
{
    struct token *k = push(x, TOKEN_VARIABLE);
    x->at++;
    k->text = take_word(x);
    return 0;
}

static int lex_dot(struct lexer *x)
{
    if (isdigit((unsigned char)x->at[1])) {
        return lex_number(x);
    }
    bool field = is_word(x->at[1]);
    struct token *k = push(x, field ? TOKEN_FIELD : TOKEN_DOT);
    x->at++;
    if (field) {
        k->text = take_word(x);
    }
    return 0;
}

static int lex_word(struct lexer *x)
{
    struct token *k = push(x, TOKEN_WORD);
    k->text = take_word(x);
    if (str_equal(k->text, "true") || str_equal(k->text, "false")) {
        k->kind = TOKEN_LITERAL;
        k->value = json_boolean(str_equal(k->text, "true"));
    } else if (str_equal(k->text, "nil")) {
        k->kind = TOKEN_LITERAL;
        k->value = json_null();
    }
    return 0;
}

static int lex_symbol(struct lexer *x)
{
    static const struct {
        const char *text;
        enum token_kind kind;
    } symbols[] = {{":=", TOKEN_DECLARE}, {"=", TOKEN_ASSIGN}, {"|", TOKEN_PIPE},
                   {"(", TOKEN_LEFT},     {")", TOKEN_RIGHT},  {",", TOKEN_COMMA}};
    for (size_t i = 0; i < ARRAY_SIZE(symbols); i++) {
        if (str_starts(x->at, symbols[i].text)) {
            push(x, symbols[i].kind);
            x->at += strlen(symbols[i].text);
            return 0;
        }
    }
    return fail(x, *x->at ? "an unexpected character" : "an action without '}}'");
}

static int lex_one(struct lexer *x)
{
    char c = *x->at;
    if (c == '"' || c == '\'') {
        return lex_quoted(x);
    }
    if (c == '`') {
        return lex_raw(x);
    }
    if (c == '.') {
        return lex_dot(x);
    }
    if (c == '$') {
        return lex_variable(x);
    }
    if (isdigit((unsigned char)c) || ((c == '-' || c == '+') && isdigit((unsigned char)x->at[1]))) {
        return lex_number(x);
    }
    return is_word(c) ? lex_word(x) : lex_symbol(x);
}

static const char *skip_space(const char *s)
{
    return s + strspn(s, " \t\r\n");
}

/* Moves behind "}}" or " -}}" when one is here; a trim marker eats the white space behind it. */
static bool take_close(struct lexer *x)
{
    bool trims = x->spaced && str_starts(x->at, "-}}");
    if (!trims && !str_starts(x->at, "}}")) {
        return false;
    }
    push(x, TOKEN_CLOSE);
    x->at += trims ? 3 : 2;
    if (trims) {
        x->at = skip_space(x->at);
    }
    return true;
}

static int take_comment(struct lexer *x)
{
    const char *end = strstr(x->at + 2, "*/");
    if (!end) {
        return fail(x, "a comment without end");
    }
    x->at = end + 2;
    const char *close = skip_space(x->at);
    x->spaced = close != x->at;
    x->at = close;
    return take_close(x) ? 0 : fail(x, "a comment ends with '*/}}'");
}

/* Behind "{{" or "{{- ". */
static int lex_action(struct lexer *x)
{
    if (str_starts(x->at, "/*")) {
        size_t count = x->count;
        int r = take_comment(x);
        x->count = count; /* a comment leaves no token */
        return r;
    }
    push(x, TOKEN_OPEN);
    for (;;) {
        const char *next = skip_space(x->at);
        x->spaced = next != x->at;
        x->at = next;
        if (take_close(x)) {
            return 0;
        }
        int r = lex_one(x);
        if (r < 0) {
            return r;
        }
    }
}

static void push_text(struct lexer *x, const char *end, bool trim)
{
    size_t len = (size_t)(end - x->at);
    while (trim && len && strchr(" \t\r\n", x->at[len - 1])) {
        len--;
    }
    struct token *k = push(x, TOKEN_TEXT);
    k->text_len = len;
    k->text = arena_strndup(x->t->arena, x->at, len);
}

int template_lex(struct template *t, const char *text, struct token **ret, struct error **err)
{
    struct lexer x = {.t = t, .start = text, .at = text, .err = err};
    for (;;) {
        const char *open = strstr(x.at, "{{");
        if (!open) {
            break;
        }
        bool trims = open[2] == '-' && open[3] && strchr(" \t\r\n", open[3]);
        push_text(&x, open, trims);
        x.at = trims ? skip_space(open + 3) : open + 2;
        if (!trims && str_starts(skip_space(x.at), "/*")) {
            x.at = skip_space(x.at);
        }
        int r = lex_action(&x);
        if (r < 0) {
            return r;
        }
    }
    push_text(&x, x.at + strlen(x.at), false);
    push(&x, TOKEN_END);
    *ret = x.tokens;
    return 0;
}
