// SPDX-License-Identifier: Apache-2.0
/* ARG: what a build is told from outside, in front of the first FROM and in each stage. */
#include <string.h>

#include "build/build.h"
#include "build/file/expand.h"
#include "build/file/line.h"

bool argument_is_silent(const char *name)
{
    static const char *const names[] = {"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy",
                                        "FTP_PROXY",  "ftp_proxy",  "NO_PROXY",    "no_proxy",
                                        "ALL_PROXY",  "all_proxy",  NULL};
    return str_in(name, names);
}

const char *pair_value(const struct strv *pairs, const char *name)
{
    size_t n = strlen(name);
    for (size_t i = pairs->count; i > 0; i--) {
        const char *pair = pairs->items[i - 1];
        if (strncmp(pair, name, n) == 0 && pair[n] == '=') {
            return pair + n + 1;
        }
    }
    return NULL;
}

static bool is_declared(const struct strv *pairs, const char *name)
{
    return pair_value(pairs, name) || strv_contains(pairs, name);
}

void pair_set(struct strv *pairs, const char *name, const char *value)
{
    size_t n = strlen(name);
    char *pair = value ? str_format("%s=%s", name, value) : xstrdup(name);
    for (size_t i = 0; i < pairs->count; i++) {
        char *there = pairs->items[i];
        if (strncmp(there, name, n) == 0 && (there[n] == '=' || there[n] == '\0')) {
            free(there);
            pairs->items[i] = pair;
            return;
        }
    }
    strv_add_take(pairs, pair);
}

void argument_hide(struct stage *s, const char *name)
{
    if (pair_value(&s->args, name)) {
        pair_set(&s->args, name, NULL);
    }
}

static void set_platform(struct strv *pairs, const char *prefix, const struct platform *p)
{
    CLEANUP(free) char *text = platform_text(p);
    const struct {
        const char *name, *value;
    } parts[] = {
        {"PLATFORM", text}, {"OS", p->os}, {"ARCH", p->architecture}, {"VARIANT", p->variant}};
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        CLEANUP(free) char *name = str_format("%s%s", prefix, parts[i].name);
        pair_set(pairs, name, parts[i].value);
    }
}

/* --build-arg NAME takes its value from the environment; what is not set there is not given. */
void arguments_begin(struct build *b)
{
    for (size_t i = 0; i < b->options->build_args.count; i++) {
        const char *text = b->options->build_args.items[i];
        size_t n = strcspn(text, "=");
        CLEANUP(free) char *name = xstrndup(text, n);
        const char *value = text[n] ? text + n + 1 : getenv(name);
        if (value) {
            pair_set(&b->build_args, name, value);
        }
    }
    const char *epoch = getenv("SOURCE_DATE_EPOCH");
    if (epoch && !pair_value(&b->build_args, "SOURCE_DATE_EPOCH")) {
        pair_set(&b->build_args, "SOURCE_DATE_EPOCH", epoch);
        strv_add(&b->used_args, "SOURCE_DATE_EPOCH");
    }
    set_platform(&b->global_args, "BUILD", &b->host);
    set_platform(&b->global_args, "TARGET", &b->target);
}

static const char *lookup_global(void *context, const char *name)
{
    struct build *b = context;
    return pair_value(&b->global_args, name);
}

static void note_use(struct build *b, const char *name)
{
    if (!strv_contains(&b->used_args, name)) {
        strv_add(&b->used_args, name);
    }
}

/* "NAME", "NAME=default" */
static int split(const struct build *b, const struct instruction *i, const char *word,
                 char **ret_name, const char **ret_default, struct error **err)
{
    size_t n = strcspn(word, "=");
    if (!n) {
        return dockerfile_error(b->file.name, i->line, err, "ARG: '%.60s' has no name", word);
    }
    *ret_name = xstrndup(word, n);
    *ret_default = word[n] ? word + n + 1 : NULL;
    return 0;
}

int arguments_global(struct build *b, const struct instruction *i, struct error **err)
{
    CLEANUP(strv) struct strv words = {0};
    struct expansion e = {.escape = b->file.escape, .lookup = lookup_global, .context = b};
    line_words(i->rest, b->file.escape, &words);
    for (size_t n = 0; n < words.count; n++) {
        CLEANUP(free) char *name = NULL;
        CLEANUP(free) char *value = NULL;
        const char *standard = NULL;
        int r = split(b, i, words.items[n], &name, &standard, err);
        if (r < 0) {
            return r;
        }
        const char *given = pair_value(&b->build_args, name);
        note_use(b, name);
        CLEANUP(error) struct error *why = NULL;
        if (!given && standard && expand_word(&e, standard, &value, &why) < 0) {
            return dockerfile_error(b->file.name, i->line, err, "ARG %s: %s", name, why->message);
        }
        if (given || value || !pair_value(&b->global_args, name)) {
            pair_set(&b->global_args, name, given ? given : value);
        }
    }
    return 0;
}

static int declare(struct build *b, struct stage *s, const struct instruction *i, const char *word,
                   struct strbuf *text, struct error **err)
{
    CLEANUP(free) char *name = NULL;
    CLEANUP(free) char *value = NULL;
    const char *standard = NULL;
    int r = split(b, i, word, &name, &standard, err);
    r = r < 0 || !standard ? r : evaluate_word(b, s, i, standard, &value, err);
    if (r < 0) {
        return r;
    }
    const char *given = pair_value(&b->build_args, name);
    const char *global = standard ? NULL : pair_value(&b->global_args, name);
    note_use(b, name);
    const char *chosen = given ? given : value ? value : global;
    if (chosen || !is_declared(&s->args, name)) {
        pair_set(&s->args, name, chosen);
    }
    strv_add(&s->declared, name);
    strbuf_addf(text, " %s%s%s", name, chosen ? "=" : "", str_or(chosen, ""));
    return 0;
}

int arguments_stage(struct build *b, struct stage *s, const struct instruction *i,
                    struct error **err)
{
    CLEANUP(strv) struct strv words = {0};
    CLEANUP(strbuf) struct strbuf text = {0};
    line_words(i->rest, b->file.escape, &words);
    strbuf_adds(&text, "ARG");
    int r = 0;
    for (size_t n = 0; n < words.count && r == 0; n++) {
        r = declare(b, s, i, words.items[n], &text, err);
    }
    if (r == 0) {
        history_add(s, text.data, true);
    }
    return r;
}
