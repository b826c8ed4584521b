// SPDX-License-Identifier: Apache-2.0
/* Instructions that change the image's config alone (image-spec config.md "Properties"). */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "build/build.h"
#include "build/file/expand.h"
#include "build/file/line.h"
#include "build/flags.h"
#include "image/store/changes.h"

static int bad(struct build *b, const struct instruction *i, struct error **err, const char *what)
{
    return dockerfile_error(b->file.name, i->line, err, "%s: %s", instruction_name(i->kind), what);
}

static json_t *child(json_t *config, const char *key, json_t *fresh)
{
    json_t *there = json_object_get(config, key);
    if (there && json_typeof(there) == json_typeof(fresh)) {
        json_decref(fresh);
        return there;
    }
    json_object_set_new(config, key, fresh);
    return fresh;
}

/* `["a" "b"]`, as Docker's history has it. */
static char *words_text(const json_t *list)
{
    CLEANUP(strbuf) struct strbuf text = {0};
    size_t i;
    json_t *word;
    strbuf_addc(&text, '[');
    json_array_foreach(list, i, word)
    {
        CLEANUP(free) char *quoted = json_dumps(word, JSON_ENCODE_ANY);
        strbuf_addf(&text, "%s%s", i ? " " : "", str_or(quoted, "\"\""));
    }
    strbuf_addc(&text, ']');
    return strbuf_take(&text);
}

static json_t *with_shell(const struct stage *s, const char *line)
{
    json_t *list =
        s->shell.count ? json_from_strv(&s->shell) : json_pack("[s, s]", "/bin/sh", "-c");
    json_array_append_new(list, json_string(line));
    return list;
}

static int set_command(struct stage *s, const struct instruction *i)
{
    bool is_cmd = i->kind == I_CMD;
    json_t *list = i->is_json   ? json_from_strv(&i->json)
                   : i->rest[0] ? with_shell(s, i->rest)
                                : json_null();
    json_object_set_new(s->config, is_cmd ? "Cmd" : "Entrypoint", list);
    if (is_cmd) {
        s->cmd_set = true;
    } else if (!s->cmd_set) { /* the base's arguments were for the base's program */
        json_object_del(s->config, "Cmd");
    }
    CLEANUP(free) char *words = words_text(list);
    CLEANUP(free) char *text = str_format("%s %s", instruction_name(i->kind), words);
    history_add(s, text, true);
    return 0;
}

static void set_variable(json_t *env, const char *pair)
{
    size_t name = strcspn(pair, "=") + 1, i;
    json_t *there;
    json_array_foreach(env, i, there)
    {
        if (strncmp(str_or(json_string_value(there), ""), pair, name) == 0) {
            json_array_set_new(env, i, json_string(pair));
            return;
        }
    }
    json_array_append_new(env, json_string(pair));
}

/* "A=b C=d" or, the old form, "A the rest": names and values, expanded with what was before. */
static int read_pairs(struct build *b, struct stage *s, const struct instruction *i,
                      struct strv *names, struct strv *values, struct error **err)
{
    CLEANUP(strv) struct strv words = {0};
    line_words(i->rest, b->file.escape, &words);
    bool old = !strchr(words.items[0], '=');
    if (old && words.count < 2) {
        return bad(b, i, err, "it takes NAME=VALUE");
    }
    for (size_t n = 0; n < words.count && !old; n++) { /* before any is expanded */
        const char *equals = strchr(words.items[n], '=');
        if (!equals || equals == words.items[n]) {
            CLEANUP(free) char *what = str_format("'%s' is not NAME=VALUE", words.items[n]);
            int r = bad(b, i, err, what);
            return n ? error_hint(err, r, "quote a value that has spaces in it") : r;
        }
    }
    for (size_t n = 0; n < (old ? 1 : words.count); n++) {
        size_t len = strcspn(words.items[n], "=");
        const char *after = i->rest + strlen(words.items[0]);
        CLEANUP(free) char *raw_name = xstrndup(words.items[n], len);
        char *name = NULL, *value = NULL;
        int r = evaluate_word(b, s, i, raw_name, &name, err);
        if (r == 0) {
            strv_add_take(names, name);
            r = evaluate_word(b, s, i,
                              old ? after + strspn(after, " \t") : words.items[n] + len + 1, &value,
                              err);
        }
        if (r < 0) {
            return r;
        }
        strv_add_take(values, value);
    }
    return 0;
}

static int add_pairs(struct build *b, struct stage *s, const struct instruction *i,
                     struct error **err)
{
    CLEANUP(strv) struct strv names = {0};
    CLEANUP(strv) struct strv values = {0};
    CLEANUP(strbuf) struct strbuf text = {0};
    int r = read_pairs(b, s, i, &names, &values, err);
    if (r < 0) {
        return r;
    }
    strbuf_adds(&text, instruction_name(i->kind));
    for (size_t n = 0; n < names.count; n++) {
        CLEANUP(free) char *pair = str_format("%s=%s", names.items[n], values.items[n]);
        if (!*names.items[n]) {
            return bad(b, i, err, "a name is empty");
        }
        if (i->kind == I_ENV) {
            set_variable(child(s->config, "Env", json_array()), pair);
            argument_hide(s, names.items[n]);
        } else {
            json_object_set_new(child(s->config, "Labels", json_object()), names.items[n],
                                json_string(values.items[n]));
        }
        strbuf_addf(&text, " %s", pair);
    }
    history_add(s, text.data, true);
    return 0;
}

static const char *lookup(void *context, const char *name)
{
    return stage_variable(context, name);
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* "EXPOSE map[443/tcp:{} 80/tcp:{}]": BuildKit's history has its Go values as they print. */
static void history_add_ports(struct stage *s, const json_t *ports)
{
    CLEANUP(strv) struct strv names = {0};
    const char *port;
    json_t *value;
    json_object_foreach((json_t *)ports, port, value)
    {
        strv_addf(&names, "%s:{}", port);
    }
    if (names.count) {
        qsort(names.items, names.count, sizeof(*names.items), compare_texts);
    }
    CLEANUP(free) char *joined = strv_join(&names, " ");
    CLEANUP(free) char *text = str_format("EXPOSE map[%s]", joined);
    history_add(s, text, true);
}

static int add_ports(struct build *b, struct stage *s, const struct instruction *i,
                     struct error **err)
{
    CLEANUP(strv) struct strv words = {0};
    CLEANUP(error) struct error *why = NULL;
    struct expansion e = {.escape = b->file.escape, .lookup = lookup, .context = s};
    if (expand_words(&e, i->rest, &words, &why) < 0) {
        return bad(b, i, err, why->message);
    }
    CLEANUP(free) char *joined = strv_join(&words, " ");
    CLEANUP(json) json_t *own = json_object();
    if (change_apply_named(own, "EXPOSE", joined, &why) < 0) {
        return dockerfile_error(b->file.name, i->line, err, "%s", why->message);
    }
    json_t *ports = json_object_get(own, "ExposedPorts");
    json_object_update(child(s->config, "ExposedPorts", json_object()), ports);
    history_add_ports(s, ports);
    return 0;
}

static int add_volumes(struct build *b, struct stage *s, const struct instruction *i,
                       struct error **err)
{
    CLEANUP(strv) struct strv words = {0};
    CLEANUP(strv) struct strv paths = {0};
    if (i->is_json) {
        strv_add_all(&words, i->json.items);
    } else {
        line_words(i->rest, b->file.escape, &words);
    }
    for (size_t n = 0; n < words.count; n++) {
        CLEANUP(free) char *path = NULL;
        int r = evaluate_word(b, s, i, words.items[n], &path, err);
        if (r < 0) {
            return r;
        }
        if (!*path) {
            return bad(b, i, err, "a path is empty");
        }
        json_object_set_new(child(s->config, "Volumes", json_object()), path, json_object());
        strv_add(&paths, path);
    }
    CLEANUP(free) char *shown = strv_join(&paths, " ");
    CLEANUP(free) char *text = str_format("VOLUME [%s]", shown);
    history_add(s, text, true);
    return 0;
}

static int set_word(struct build *b, struct stage *s, const struct instruction *i,
                    struct error **err)
{
    CLEANUP(free) char *value = NULL;
    CLEANUP(error) struct error *why = NULL;
    int r = evaluate_word(b, s, i, i->rest, &value, err);
    if (r < 0) {
        return r;
    }
    if (!*value) {
        return bad(b, i, err, "it expands to nothing");
    }
    if (i->kind == I_STOPSIGNAL) {
        if (change_apply_named(s->config, "STOPSIGNAL", value, &why) < 0) {
            return dockerfile_error(b->file.name, i->line, err, "%s", why->message);
        }
    } else {
        json_object_set_new(s->config, "User", json_string(value));
    }
    CLEANUP(free) char *text = str_format("%s %s", instruction_name(i->kind), value);
    history_add(s, text, true);
    return 0;
}

/* Go's "1m30s", "0s", "1.5s", "200ms". */
static char *go_duration(int64_t ns)
{
    int64_t seconds = ns / 1000000000, rest = ns % 1000000000;
    if (!ns) {
        return xstrdup("0s");
    }
    bool small = seconds == 0;
    int64_t unit = !small ? 1000000000 : ns >= 1000000 ? 1000000 : ns >= 1000 ? 1000 : 1;
    const char *name = !small ? "s" : ns >= 1000000 ? "ms" : ns >= 1000 ? "µs" : "ns";
    int64_t whole = small ? ns / unit : seconds % 60, part = small ? ns % unit : rest;
    CLEANUP(free)
    char *fraction = str_format("%0*lld",
                                unit == 1000000000 ? 9
                                : unit == 1000000  ? 6
                                                   : 3,
                                (long long)part);
    size_t n = strlen(fraction);
    while (n && fraction[n - 1] == '0') {
        fraction[--n] = '\0';
    }
    CLEANUP(free)
    char *last = str_format("%lld%s%s%s", (long long)whole, n ? "." : "", fraction, name);
    return seconds < 60     ? xstrdup(last)
           : seconds < 3600 ? str_format("%lldm%s", (long long)(seconds / 60), last)
                            : str_format("%lldh%lldm%s", (long long)(seconds / 3600),
                                         (long long)(seconds / 60 % 60), last);
}

/* A number as Go quotes one: the character of that code. */
static char *go_character(int64_t code)
{
    static const char *const named[] = {"\\a", "\\b", "\\t", "\\n", "\\v", "\\f", "\\r"};
    return code >= 7 && code <= 13        ? str_format("'%s'", named[code - 7])
           : code == '\'' || code == '\\' ? str_format("'\\%c'", (char)code)
           : code < 32 || code == 127     ? str_format("'\\x%02x'", (unsigned)code)
           : code < 127                   ? str_format("'%c'", (char)code)
           : code > 0xa0 && code < 0x800  ? str_format("'%c%c'", (int)(0xc0 | code >> 6),
                                                       (int)(0x80 | (code & 0x3f))) /* UTF-8 */
                                          : str_format("'\\u%04x'", (unsigned)code);
}

/* HEALTHCHECK &{["CMD-SHELL" "x"] "5m0s" "3s" "0s" "0s" '\x04'}: the Go value as it prints. */
static void history_add_health(struct stage *s)
{
    static const char *const keys[] = {"Interval", "Timeout", "StartPeriod", "StartInterval"};
    const json_t *health = json_object_get(s->config, "Healthcheck");
    CLEANUP(strbuf) struct strbuf text = {0};
    CLEANUP(free) char *test = words_text(json_object_get(health, "Test"));
    strbuf_addf(&text, "HEALTHCHECK &{%s", test);
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        CLEANUP(free)
        char *value = go_duration(json_integer_value(json_object_get(health, keys[i])));
        strbuf_addf(&text, " \"%s\"", value);
    }
    CLEANUP(free)
    char *retries = go_character(json_integer_value(json_object_get(health, "Retries")));
    strbuf_addf(&text, " %s}", retries);
    history_add(s, text.data, true);
}

static int set_health(struct build *b, struct stage *s, const struct instruction *i,
                      struct error **err)
{
    static const char *const known[] = {
        "interval=", "timeout=", "start-period=", "start-interval=", "retries=", NULL};
    CLEANUP(error) struct error *why = NULL;
    CLEANUP(free) char *flags = i->flags.count ? strv_join(&i->flags, " ") : xstrdup("");
    CLEANUP(free) char *rest = str_format("%s%s%s", flags, *flags ? " " : "", i->rest);
    int r = flags_check(b->file.name, i, known, err);
    if (r < 0) {
        return r;
    }
    if (change_apply_named(s->config, "HEALTHCHECK", rest, &why) < 0) {
        return dockerfile_error(b->file.name, i->line, err, "%s", why->message);
    }
    history_add_health(s);
    return 0;
}

static int set_shell(struct build *b, struct stage *s, const struct instruction *i,
                     struct error **err)
{
    if (!i->is_json || !i->json.count) {
        return bad(b, i, err, "it takes a JSON array: SHELL [\"/bin/bash\", \"-c\"]");
    }
    strv_done(&s->shell);
    s->shell = (struct strv){0};
    strv_add_all(&s->shell, i->json.items);
    json_object_set_new(s->config, "Shell", json_from_strv(&i->json));
    CLEANUP(free) char *words = strv_join(&i->json, " ");
    CLEANUP(free) char *text = str_format("SHELL [%s]", words);
    history_add(s, text, true);
    return 0;
}

/* Kept as text; what can be seen to be wrong is said now. */
static int add_trigger(struct build *b, struct stage *s, const struct instruction *i,
                       struct error **err)
{
    CLEANUP(strbuf) struct strbuf text = {0};
    struct instruction inner = {0};
    int r = instruction_parse(b->file.name, i->rest, b->file.escape, i->line, &inner, err);
    if (r < 0) {
        return error_wrap(err, r, "ONBUILD");
    }
    enum instruction_kind kind = inner.kind;
    instruction_done(&inner);
    if (kind == I_ONBUILD || kind == I_FROM || kind == I_MAINTAINER) {
        return dockerfile_error(b->file.name, i->line, err, "ONBUILD cannot have %s",
                                instruction_name(kind));
    }
    strbuf_adds(&text, i->rest);
    for (size_t n = 0; n < i->heredoc_count; n++) {
        strbuf_addf(&text, "\n%s%s", i->heredocs[n].raw, i->heredocs[n].name);
    }
    json_array_append_new(child(s->config, "OnBuild", json_array()), json_string(text.data));
    return 0; /* no history, as BuildKit */
}

int evaluate_config(struct build *b, struct stage *s, const struct instruction *i,
                    struct error **err)
{
    switch ((int)i->kind) {
    case I_CMD:
    case I_ENTRYPOINT:
        return set_command(s, i);
    case I_ENV:
    case I_LABEL:
        return add_pairs(b, s, i, err);
    case I_EXPOSE:
        return add_ports(b, s, i, err);
    case I_VOLUME:
        return add_volumes(b, s, i, err);
    case I_USER:
    case I_STOPSIGNAL:
        return set_word(b, s, i, err);
    case I_HEALTHCHECK:
        return set_health(b, s, i, err);
    case I_SHELL:
        return set_shell(b, s, i, err);
    case I_ONBUILD:
        return add_trigger(b, s, i, err);
    case I_MAINTAINER: {
        CLEANUP(free) char *text = str_format("MAINTAINER %s", i->rest);
        free(s->author);
        s->author = xstrdup(i->rest);
        history_add(s, text, true);
        return 0;
    }
    default:
        return bad(b, i, err, "it cannot stand here");
    }
}
