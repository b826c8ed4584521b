// SPDX-License-Identifier: Apache-2.0
#include "image/store/changes.h"

#include <ctype.h>
#include <string.h>

#include "base/options.h"
#include "base/signals.h"

int change_split_words(const char *text, struct strv *ret, struct error **err)
{
    CLEANUP(strbuf) struct strbuf word = {0};
    bool in_word = false;
    char quote = 0;
    for (const char *s = text; *s; s++) {
        if (quote ? *s == quote : *s == '"' || *s == '\'') {
            quote = quote ? 0 : *s;
            in_word = true;
        } else if (*s == '\\' && s[1] && quote != '\'') {
            strbuf_addc(&word, *++s);
            in_word = true;
        } else if (!quote && isspace((unsigned char)*s)) {
            if (in_word) {
                strv_add_take(ret, strbuf_take(&word));
            }
            in_word = false;
        } else {
            strbuf_addc(&word, *s);
            in_word = true;
        }
    }
    if (quote) {
        return error_set(err, ERROR_INVALID_INPUT, 0, "a quote is left open in '%s'", text);
    }
    if (in_word) {
        strv_add_take(ret, strbuf_take(&word));
    }
    return 0;
}

/* 1: `text` is a JSON array of strings, given in *ret; 0: it is not. */
static int json_words(const char *text, json_t **ret)
{
    CLEANUP(json) json_t *list = NULL;
    if (text[0] != '[' || json_parse(text, strlen(text), "", &list, NULL) < 0) {
        return 0;
    }
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item)
    {
        if (!json_is_string(item)) {
            return 0;
        }
    }
    *ret = take_ptr(list);
    return 1;
}

static int set_command(json_t *config, const char *key, const char *rest, struct error **err)
{
    json_t *list = NULL;
    if (!json_words(rest, &list)) {
        list = json_pack("[s, s, s]", "/bin/sh", "-c", rest);
    }
    json_object_set_new(config, key, list);
    return 0;
}

static json_t *child(json_t *config, const char *key, json_t *fresh)
{
    json_t *there = json_object_get(config, key);
    if (there) {
        json_decref(fresh);
        return there;
    }
    json_object_set_new(config, key, fresh);
    return fresh;
}

int change_set_words(json_t *config, const char *key, const char *text, struct error **err)
{
    json_t *list = NULL;
    if (!json_words(text, &list)) {
        CLEANUP(strv) struct strv words = {0};
        int r = change_split_words(text, &words, err);
        if (r < 0) {
            return r;
        }
        list = json_from_strv(&words);
    }
    json_object_set_new(config, key, list);
    return 0;
}

static int set_string(json_t *config, const char *key, const char *rest, struct error **err)
{
    json_object_set_new(config, key, json_string(rest));
    return 0;
}

static int set_signal(json_t *config, const char *key, const char *rest, struct error **err)
{
    int signal, r = signal_parse(rest, &signal, err);
    return r < 0 ? r : set_string(config, key, rest, err);
}

/* Replaces the variable of that name. */
static void set_variable(json_t *env, const char *pair)
{
    size_t name = strcspn(pair, "=") + 1, i;
    json_t *there;
    json_array_foreach(env, i, there)
    {
        if (strncmp(json_string_value(there), pair, name) == 0) {
            json_array_set_new(env, i, json_string(pair));
            return;
        }
    }
    json_array_append_new(env, json_string(pair));
}

int change_add_variable(json_t *config, const char *pair, struct error **err)
{
    if (!strchr(pair, '=') || pair[0] == '=') {
        return error_set(err, ERROR_USAGE, 0, "'%s' is not NAME=VALUE", pair);
    }
    set_variable(child(config, "Env", json_array()), pair);
    return 0;
}

static int add_env(json_t *config, const char *key, const char *rest, struct error **err)
{
    json_t *env = child(config, key, json_array());
    size_t first = strcspn(rest, " \t=");
    if (rest[first] && rest[first] != '=') { /* "ENV NAME the rest", the old form */
        CLEANUP(free) char *name = xstrndup(rest, first);
        CLEANUP(free)
        char *pair = str_format("%s=%s", name, rest + first + strspn(rest + first, " \t"));
        set_variable(env, pair);
        return 0;
    }
    CLEANUP(strv) struct strv pairs = {0};
    int r = change_split_words(rest, &pairs, err);
    for (size_t i = 0; i < pairs.count && r >= 0; i++) {
        if (!strchr(pairs.items[i], '=') || pairs.items[i][0] == '=') {
            return error_set(err, ERROR_INVALID_INPUT, 0, "ENV: '%s' is not NAME=VALUE",
                             pairs.items[i]);
        }
        set_variable(env, pairs.items[i]);
    }
    return r;
}

static int add_labels(json_t *config, const char *key, const char *rest, struct error **err)
{
    json_t *labels = child(config, key, json_object());
    CLEANUP(strv) struct strv pairs = {0};
    int r = change_split_words(rest, &pairs, err);
    for (size_t i = 0; i < pairs.count && r >= 0; i++) {
        char *equals = strchr(pairs.items[i], '=');
        if (equals) {
            *equals = '\0';
        }
        json_object_set_new(labels, pairs.items[i], json_string(equals ? equals + 1 : ""));
    }
    return r;
}

/* "80", "80/tcp", "8000-8010/udp" → as Docker keeps them, one a port. */
static int add_port(json_t *ports, const char *word, struct error **err)
{
    CLEANUP(free) char *text = xstrdup(word);
    char *proto = strchr(text, '/');
    if (proto) {
        *proto++ = '\0';
        for (char *c = proto; *c; c++) {
            *c = (char)tolower((unsigned char)*c);
        }
    }
    char *dash = strchr(text, '-');
    if (dash) {
        *dash++ = '\0';
    }
    static const char *const protos[] = {"tcp", "udp", "sctp", NULL};
    int64_t first = 0, last = 0;
    if (str_to_i64(text, 10, &first) < 0 || str_to_i64(dash ? dash : text, 10, &last) < 0 ||
        first < 1 || last > 65535 || first > last || (proto && !str_in(proto, protos))) {
        return error_set(err, ERROR_INVALID_INPUT, 0, "EXPOSE: '%s' is not PORT[-PORT][/PROTOCOL]",
                         word);
    }
    for (int64_t port = first; port <= last; port++) {
        CLEANUP(free) char *key = str_format("%d/%s", (int)port, str_or(proto, "tcp"));
        json_object_set_new(ports, key, json_object());
    }
    return 0;
}

static int add_ports(json_t *config, const char *key, const char *rest, struct error **err)
{
    CLEANUP(strv) struct strv words = {0};
    json_t *ports = child(config, key, json_object());
    int r = change_split_words(rest, &words, err);
    for (size_t i = 0; i < words.count && r >= 0; i++) {
        r = add_port(ports, words.items[i], err);
    }
    return r;
}

static int add_volumes(json_t *config, const char *key, const char *rest, struct error **err)
{
    json_t *volumes = child(config, key, json_object());
    CLEANUP(json) json_t *list = NULL;
    CLEANUP(strv) struct strv words = {0};
    int r = 0;
    if (json_words(rest, &list)) {
        size_t i;
        json_t *item;
        json_array_foreach(list, i, item)
        {
            strv_add(&words, json_string_value(item));
        }
    } else {
        r = change_split_words(rest, &words, err);
    }
    for (size_t i = 0; i < words.count && r >= 0; i++) {
        json_object_set_new(volumes, words.items[i], json_object());
    }
    return r;
}

static int add_on_build(json_t *config, const char *key, const char *rest, struct error **err)
{
    json_array_append_new(child(config, key, json_array()), json_string(rest));
    return 0;
}

static int set_health_option(json_t *check, const char *option, struct error **err)
{
    static const struct {
        const char *name, *key;
    } durations[] = {{"--interval=", "Interval"},
                     {"--timeout=", "Timeout"},
                     {"--start-period=", "StartPeriod"},
                     {"--start-interval=", "StartInterval"}};
    int64_t value = 0;
    for (size_t i = 0; i < ARRAY_SIZE(durations); i++) {
        if (str_starts(option, durations[i].name) &&
            option_parse_duration_ms(option + strlen(durations[i].name), &value) >= 0) {
            json_object_set_new(check, durations[i].key, json_integer(value * 1000000));
            return 0;
        }
    }
    const char *retries = "--retries=";
    if (str_starts(option, retries) && str_to_i64(option + strlen(retries), 10, &value) >= 0) {
        json_object_set_new(check, "Retries", json_integer(value));
        return 0;
    }
    return error_set(err, ERROR_INVALID_INPUT, 0, "HEALTHCHECK: cannot understand '%s'", option);
}

static int set_health(json_t *config, const char *key, const char *rest, struct error **err)
{
    CLEANUP(json) json_t *check = json_object();
    while (str_starts(rest, "--")) {
        size_t n = strcspn(rest, " \t");
        CLEANUP(free) char *option = xstrndup(rest, n);
        int r = set_health_option(check, option, err);
        if (r < 0) {
            return r;
        }
        rest += n + strspn(rest + n, " \t");
    }
    json_t *list = NULL;
    if (str_equal(rest, "NONE")) {
        json_object_set_new(check, "Test", json_pack("[s]", "NONE"));
    } else if (!str_starts(rest, "CMD") || !rest[3]) {
        return error_set(err, ERROR_INVALID_INPUT, 0, "HEALTHCHECK: NONE or CMD is missing");
    } else if (json_words(rest + 3 + strspn(rest + 3, " \t"), &list)) {
        json_array_insert_new(list, 0, json_string("CMD"));
        json_object_set_new(check, "Test", list);
    } else {
        json_object_set_new(check, "Test",
                            json_pack("[s, s]", "CMD-SHELL", rest + 3 + strspn(rest + 3, " \t")));
    }
    json_object_set(config, key, check);
    return 0;
}

static const struct {
    const char *name, *key;
    int (*apply)(json_t *config, const char *key, const char *rest, struct error **err);
} instructions[] = {
    {"CMD", "Cmd", set_command},
    {"ENTRYPOINT", "Entrypoint", set_command},
    {"ENV", "Env", add_env},
    {"EXPOSE", "ExposedPorts", add_ports},
    {"HEALTHCHECK", "Healthcheck", set_health},
    {"LABEL", "Labels", add_labels},
    {"ONBUILD", "OnBuild", add_on_build},
    {"STOPSIGNAL", "StopSignal", set_signal},
    {"USER", "User", set_string},
    {"VOLUME", "Volumes", add_volumes},
    {"WORKDIR", "WorkingDir", set_string},
};

int change_apply_named(json_t *config, const char *name, const char *rest, struct error **err)
{
    for (size_t i = 0; i < ARRAY_SIZE(instructions); i++) {
        if (strcasecmp(instructions[i].name, name) == 0) {
            return *rest ? instructions[i].apply(config, instructions[i].key, rest, err)
                         : error_set(err, ERROR_INVALID_INPUT, 0, "%s: its value is missing",
                                     instructions[i].name);
        }
    }
    int r =
        error_set(err, ERROR_INVALID_INPUT, 0, "'%s' is no instruction that can be applied", name);
    return error_hint(err, r,
                      "CMD, ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL, ONBUILD, "
                      "STOPSIGNAL, USER, VOLUME, WORKDIR");
}

int change_apply(json_t *config, const char *instruction, struct error **err)
{
    instruction += strspn(instruction, " \t");
    size_t n = strcspn(instruction, " \t");
    CLEANUP(free) char *name = xstrndup(instruction, n);
    return change_apply_named(config, name, instruction + n + strspn(instruction + n, " \t"), err);
}

int change_apply_all(const json_t *request, json_t *config, struct error **err)
{
    CLEANUP(strv) struct strv changes = {0};
    int r = json_get_strv(request, "change", "request", &changes, err);
    for (size_t i = 0; i < changes.count && r >= 0; i++) {
        r = change_apply(config, changes.items[i], err);
        r = r < 0 ? error_wrap(err, r, "--change") : r;
    }
    return r;
}

int change_read_reference(const char *text, struct reference *ret, struct error **err)
{
    int r = reference_parse(text, ret, err);
    if (r >= 0 && ret->digest) {
        return error_set(err, ERROR_USAGE, 0, "cannot give an image the digest reference '%s'",
                         text);
    }
    return r;
}
