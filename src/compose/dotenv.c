// SPDX-License-Identifier: Apache-2.0
#include "compose/dotenv.h"

#include <ctype.h>
#include <fcntl.h>
#include <string.h>

#include "base/file.h"

void environment_init(struct environment *e)
{
    e->values = json_object();
}

void environment_done(struct environment *e)
{
    json_decref(e->values);
    e->values = NULL;
}

const char *environment_lookup(void *context, const char *name)
{
    const struct environment *e = context;
    const char *value = e->no_process ? NULL : getenv(name);
    return value ? value : json_string_value(json_object_get(e->values, name));
}

struct scanner {
    const char *at, *name;
    int line;
    const struct variables *outer;
    json_t *values;
    bool raw;
    struct error **err;
};

static int complain(struct scanner *s, const char *what)
{
    return error_set(s->err, ERROR_INVALID_INPUT, 0, "%s:%d: %s", s->name, s->line, what);
}

/* What the file itself said counts behind the variables around it. */
static const char *lookup_in_both(void *context, const char *name)
{
    const struct scanner *s = context;
    const char *value =
        s->outer && s->outer->lookup ? s->outer->lookup(s->outer->context, name) : NULL;
    return value ? value : json_string_value(json_object_get(s->values, name));
}

static int expand_value(struct scanner *s, const char *text, struct strbuf *out)
{
    struct variables v = {.lookup = lookup_in_both, .context = s};
    int r = interpolate(&v, text, out, s->err);
    return r < 0 ? error_wrap(s->err, r, "%s:%d", s->name, s->line) : 0;
}

/* Behind an opening quote, which may end lines below. */
static int read_quoted(struct scanner *s, char quote, struct strbuf *out)
{
    CLEANUP(strbuf) struct strbuf raw = {0};
    for (; *s->at && *s->at != quote; s->at++) {
        s->line += *s->at == '\n';
        if (quote == '"' && *s->at == '\\' && s->at[1]) {
            static const char letters[] = "nrt", means[] = "\n\r\t";
            const char *letter = strchr(letters, *++s->at);
            if (*s->at == '$') {
                strbuf_adds(&raw, "$$");
            } else {
                strbuf_addc(&raw, letter ? means[letter - letters] : *s->at);
            }
        } else {
            strbuf_addc(&raw, *s->at);
        }
    }
    if (!*s->at) {
        return complain(s, "a quoted value does not end");
    }
    s->at++;
    if (quote == '\'') {
        strbuf_adds(out, str_or(raw.data, ""));
        return 0;
    }
    return expand_value(s, str_or(raw.data, ""), out);
}

static int read_bare(struct scanner *s, struct strbuf *out)
{
    const char *end = s->at + strcspn(s->at, "\n");
    const char *stop = end;
    for (const char *c = s->at; c < end && !s->raw; c++) {
        if (*c == '#' && (c == s->at || isspace((unsigned char)c[-1]))) {
            stop = c;
            break;
        }
    }
    while (stop > s->at && isspace((unsigned char)stop[-1])) {
        stop--;
    }
    CLEANUP(free) char *text = xstrndup(s->at, (size_t)(stop - s->at));
    s->at = end;
    if (s->raw) {
        strbuf_adds(out, text);
        return 0;
    }
    return expand_value(s, text, out);
}

static int read_value(struct scanner *s, const char *key)
{
    CLEANUP(strbuf) struct strbuf value = {.max = DOTENV_BYTES_MAX};
    s->at += strspn(s->at, " \t");
    bool quoted = !s->raw && (*s->at == '"' || *s->at == '\'');
    int r;
    if (quoted) {
        char quote = *s->at++;
        r = read_quoted(s, quote, &value);
        s->at += r == 0 ? strspn(s->at, " \t\r") : 0;
        if (r == 0 && *s->at && *s->at != '\n' && *s->at != '#') {
            r = complain(s, "text stands behind a closing quote");
        }
    } else {
        r = read_bare(s, &value);
    }
    if (r == 0 && value.overflow) {
        r = complain(s, "the value is too long");
    }
    if (r == 0 && json_object_set_new(s->values, key, json_string(str_or(value.data, ""))) < 0) {
        r = complain(s, "the value is not valid UTF-8");
    }
    return r;
}

static int read_line(struct scanner *s)
{
    s->at += strspn(s->at, " \t\r");
    if (str_starts(s->at, "export") && isspace((unsigned char)s->at[6])) {
        s->at += 6 + strspn(s->at + 6, " \t");
    }
    if (!*s->at || *s->at == '\n' || *s->at == '#') {
        return 0;
    }
    size_t n = strcspn(s->at, "=:\n \t\r#");
    CLEANUP(free) char *key = xstrndup(s->at, n);
    const char *behind = s->at + n + strspn(s->at + n, " \t\r");
    if (n == 0) {
        return complain(s, "a line has no name before its value");
    }
    if (*behind == '=' || *behind == ':') {
        s->at = behind + 1;
        return read_value(s, key);
    }
    if (*behind && *behind != '\n' && *behind != '#') {
        return complain(s, "a line is not KEY=VALUE");
    }
    const char *value = lookup_in_both(s, key);
    if (value) {
        json_object_set_new(s->values, key, json_string(value));
    }
    return 0;
}

int dotenv_parse(const char *text, const char *name, const struct variables *variables, bool raw,
                 json_t *values, struct error **err)
{
    struct scanner s = {text, name, 1, variables, values, raw, err};
    if (str_starts(s.at, "\xef\xbb\xbf")) {
        s.at += 3;
    }
    while (*s.at) {
        int r = read_line(&s);
        if (r < 0) {
            return r;
        }
        s.at += strcspn(s.at, "\n");
        if (*s.at) {
            s.at++;
            s.line++;
        }
    }
    return 0;
}

int dotenv_load(const char *path, const struct variables *variables, bool raw, json_t *values,
                struct error **err)
{
    CLEANUP(free) char *text = NULL;
    size_t len = 0;
    int r = file_read(AT_FDCWD, path, DOTENV_BYTES_MAX, &text, &len, err);
    if (r < 0) {
        return r;
    }
    if (strlen(text) != len) {
        return error_set(err, ERROR_INVALID_INPUT, 0, "%s: not a text file", path);
    }
    return dotenv_parse(text, path, variables, raw, values, err);
}
