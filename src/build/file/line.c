// SPDX-License-Identifier: Apache-2.0
#include "build/file/line.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"

static const char *const names[I_KIND_COUNT + 1] = {
    [I_ADD] = "ADD",
    [I_ARG] = "ARG",
    [I_CMD] = "CMD",
    [I_COPY] = "COPY",
    [I_ENTRYPOINT] = "ENTRYPOINT",
    [I_ENV] = "ENV",
    [I_EXPOSE] = "EXPOSE",
    [I_FROM] = "FROM",
    [I_HEALTHCHECK] = "HEALTHCHECK",
    [I_LABEL] = "LABEL",
    [I_MAINTAINER] = "MAINTAINER",
    [I_ONBUILD] = "ONBUILD",
    [I_RUN] = "RUN",
    [I_SHELL] = "SHELL",
    [I_STOPSIGNAL] = "STOPSIGNAL",
    [I_USER] = "USER",
    [I_VOLUME] = "VOLUME",
    [I_WORKDIR] = "WORKDIR",
};

const char *instruction_name(enum instruction_kind kind)
{
    return names[kind];
}

void line_words(const char *text, char escape, struct strv *ret)
{
    CLEANUP(strbuf) struct strbuf word = {0};
    char quote = 0;
    bool in_word = false;
    for (const char *s = text; *s; s++) {
        if (!quote && isspace((unsigned char)*s)) {
            if (in_word) {
                strv_add_take(ret, strbuf_take(&word));
            }
            in_word = false;
            continue;
        }
        in_word = true;
        if (*s == escape && s[1] && quote != '\'') {
            strbuf_addc(&word, *s++);
        } else if (quote ? *s == quote : *s == '\'' || *s == '"') {
            quote = quote ? 0 : *s;
        }
        strbuf_addc(&word, *s);
    }
    if (in_word) {
        strv_add_take(ret, strbuf_take(&word));
    }
}

bool line_json_strings(const char *text, struct strv *ret)
{
    CLEANUP(json) json_t *list = NULL;
    if (text[0] != '[' || json_parse(text, strlen(text), "", &list, NULL) < 0 ||
        !json_is_array(list)) {
        return false;
    }
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item)
    {
        if (!json_is_string(item) || strlen(json_string_value(item)) != json_string_length(item)) {
            return false;
        }
    }
    json_array_foreach(list, i, item)
    {
        strv_add(ret, json_string_value(item));
    }
    return true;
}

/* Flags stand in front: words that begin with "--", their quotes and escapes undone. "--" alone
 * ends them. Returns what follows. */
static const char *take_flags(const char *s, char escape, struct strv *ret)
{
    for (;;) {
        s += strspn(s, " \t");
        if (!str_starts(s, "--")) {
            return s;
        }
        CLEANUP(strbuf) struct strbuf word = {0};
        char quote = 0;
        for (; *s && (quote || !isspace((unsigned char)*s)); s++) {
            if (*s == escape && s[1]) {
                strbuf_addc(&word, *++s);
            } else if (quote ? *s == quote : *s == '\'' || *s == '"') {
                quote = quote ? 0 : *s;
            } else {
                strbuf_addc(&word, *s);
            }
        }
        if (str_equal(word.data, "--")) {
            return s + strspn(s, " \t");
        }
        strv_add_take(ret, strbuf_take(&word));
    }
}

static int find_kind(const char *name, const char *keyword, int line, enum instruction_kind *ret,
                     struct error **err)
{
    for (int i = 0; i < I_KIND_COUNT; i++) {
        if (strcasecmp(names[i], keyword) == 0) {
            *ret = (enum instruction_kind)i;
            return 0;
        }
    }
    CLEANUP(free) char *upper = xstrdup(keyword);
    for (char *c = upper; *c; c++) {
        *c = (char)toupper((unsigned char)*c);
    }
    const char *near = nearest_word(upper, names);
    return near
               ? dockerfile_error(name, line, err,
                                  "unknown instruction '%.40s' (did you mean '%s'?)", keyword, near)
               : dockerfile_error(name, line, err, "unknown instruction '%.40s'", keyword);
}

static bool takes_flags(enum instruction_kind kind)
{
    return kind == I_ADD || kind == I_COPY || kind == I_RUN || kind == I_FROM ||
           kind == I_HEALTHCHECK;
}

static bool takes_json(enum instruction_kind kind)
{
    return kind == I_ADD || kind == I_COPY || kind == I_RUN || kind == I_CMD ||
           kind == I_ENTRYPOINT || kind == I_SHELL || kind == I_VOLUME;
}

int instruction_parse(const char *name, const char *text, char escape, int line,
                      struct instruction *ret, struct error **err)
{
    text += strspn(text, " \t\r\n\v\f");
    size_t n = strcspn(text, " \t\r\n\v\f");
    CLEANUP(free) char *keyword = xstrndup(text, n);
    enum instruction_kind kind = I_RUN;
    int r = find_kind(name, keyword, line, &kind, err);
    if (r < 0) {
        return r;
    }
    struct instruction i = {.kind = kind, .line = line, .last_line = line};
    const char *rest = text + n + strspn(text + n, " \t\r\n\v\f");
    rest = takes_flags(kind) ? take_flags(rest, escape, &i.flags) : rest;
    size_t len = strlen(rest);
    while (len && isspace((unsigned char)rest[len - 1])) {
        len--;
    }
    i.keyword = take_ptr(keyword);
    i.rest = xstrndup(rest, len);
    i.is_json = takes_json(kind) && line_json_strings(i.rest, &i.json);
    if (!len && kind != I_CMD && kind != I_ENTRYPOINT) {
        r = dockerfile_error(name, line, err, "%s needs an argument", names[kind]);
        instruction_done(&i);
        return r;
    }
    *ret = i;
    return 0;
}
