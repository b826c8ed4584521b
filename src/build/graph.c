// SPDX-License-Identifier: Apache-2.0
/* Stages: where each begins, what it stands on, which ones the target needs. */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "build/build.h"
#include "build/file/expand.h"
#include "build/file/line.h"
#include "build/flags.h"

static const char *lookup_global(void *context, const char *name)
{
    struct build *b = context;
    return pair_value(&b->global_args, name);
}

static int expand_global(struct build *b, const struct instruction *i, const char *text, char **ret,
                         struct error **err)
{
    CLEANUP(error) struct error *why = NULL;
    struct expansion e = {.escape = b->file.escape, .lookup = lookup_global, .context = b};
    return expand_word(&e, text, ret, &why) < 0
               ? dockerfile_error(b->file.name, i->line, err, "FROM: %s", why->message)
               : 0;
}

int graph_find(const struct build *b, const char *name, int before)
{
    for (int i = before - 1; i >= 0; i--) {
        if (b->stages[i].name && strcasecmp(b->stages[i].name, name) == 0) {
            return i;
        }
    }
    int64_t number = -1;
    return str_to_i64(name, 10, &number) == 0 && number >= 0 && number < before ? (int)number : -1;
}

static bool stage_name_is_valid(const char *name)
{
    if (!isalpha((unsigned char)*name)) {
        return false;
    }
    for (; *name; name++) {
        if (!isalnum((unsigned char)*name) && !strchr("-_.", *name)) {
            return false;
        }
    }
    return true;
}

static int read_platform(struct build *b, struct stage *s, struct error **err)
{
    const char *flag = flag_value(s->from, "platform");
    CLEANUP(free) char *text = NULL;
    CLEANUP(error) struct error *why = NULL;
    s->platform = b->target;
    if (!flag) {
        return 0;
    }
    int r = expand_global(b, s->from, flag, &text, err);
    if (r < 0 || !*text) {
        return r < 0 ? r
                     : dockerfile_error(b->file.name, s->from->line, err,
                                        "FROM: '--platform=%s' expands to nothing", flag);
    }
    s->platform_set = true;
    return platform_parse(text, &s->platform, &why) < 0
               ? dockerfile_error(b->file.name, s->from->line, err, "FROM: %s", why->message)
               : 0;
}

/* FROM BASE [AS NAME] */
static int read_from(struct build *b, struct stage *s, struct error **err)
{
    static const char *const known[] = {"platform=", NULL};
    const struct instruction *i = s->from;
    CLEANUP(strv) struct strv words = {0};
    line_words(i->rest, b->file.escape, &words);
    int r = flags_check(b->file.name, i, known, err);
    if (r < 0) {
        return r;
    }
    if (words.count != 1 && (words.count != 3 || strcasecmp(words.items[1], "as") != 0)) {
        return dockerfile_error(b->file.name, i->line, err,
                                "FROM takes 'IMAGE [AS NAME]', not '%s'", i->rest);
    }
    r = expand_global(b, i, words.items[0], &s->base, err);
    if (r == 0 && !*s->base) {
        r = dockerfile_error(b->file.name, i->line, err,
                             "FROM: '%s' expands to nothing (is the ARG above the first FROM?)",
                             words.items[0]);
    }
    if (r == 0 && words.count == 3) {
        if (!stage_name_is_valid(words.items[2])) {
            return dockerfile_error(b->file.name, i->line, err, "'%s' is no name for a stage",
                                    words.items[2]);
        }
        s->name = xstrdup(words.items[2]);
    }
    if (r == 0) {
        r = read_platform(b, s, err);
    }
    if (r == 0) {
        s->base_stage = graph_find(b, s->base, s->index);
        int64_t number;
        if (s->base_stage >= 0 && str_to_i64(s->base, 10, &number) == 0) {
            s->base_stage = -1; /* FROM takes stages by their names alone */
        }
        s->is_scratch = s->base_stage < 0 && str_equal(s->base, "scratch");
    }
    return r;
}

static int find_target(struct build *b, struct error **err)
{
    const char *name = b->options->target;
    b->target_stage =
        name && *name ? graph_find(b, name, (int)b->stage_count) : (int)b->stage_count - 1;
    if (b->target_stage >= 0) {
        return 0;
    }
    CLEANUP(strv) struct strv names = {0};
    for (size_t i = 0; i < b->stage_count; i++) {
        if (b->stages[i].name) {
            strv_add(&names, b->stages[i].name);
        }
    }
    const char *near = names.count ? nearest_word(name, (const char *const *)names.items) : NULL;
    int r = error_set(err, ERROR_NOT_FOUND, 0, "%s: there is no stage '%s'", b->file.name, name);
    return near ? error_hint(err, r, "did you mean '%s'?", near) : r;
}

int graph_make(struct build *b, struct error **err)
{
    struct dockerfile *f = &b->file;
    b->stages = xcalloc(f->count, sizeof(*b->stages));
    arguments_begin(b);
    for (size_t i = 0; i < f->count; i++) {
        const struct instruction *at = &f->items[i];
        int r = 0;
        if (at->kind == I_FROM) {
            struct stage *s = &b->stages[b->stage_count];
            *s = (struct stage){
                .index = (int)b->stage_count, .from = at, .first = at + 1, .base_stage = -1};
            b->stage_count++;
            r = read_from(b, s, err);
        } else if (!b->stage_count) {
            r = arguments_global(b, at, err);
        } else {
            b->stages[b->stage_count - 1].instruction_count++;
        }
        if (r < 0) {
            return r;
        }
    }
    return find_target(b, err);
}

static int named_context(const struct build *b, const char *name)
{
    for (size_t i = 0; i < b->named_count; i++) {
        if (strcasecmp(b->named_names[i], name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

/* The images that COPY and RUN --mount name, fetched where they are not here. */
static int ensure_image(struct build *b, const struct stage *s, const char *name,
                        struct image **ret, struct error **err)
{
    CLEANUP(free) char *platform = platform_text(&s->platform);
    bool host =
        platform_equal(&b->host, s->platform.os, s->platform.architecture, s->platform.variant);
    return image_ensure(b->engine.data_dir, b->engine.config_path, name,
                        b->options->pull ? "always" : "missing", host ? NULL : platform,
                        b->options->quiet, ret, err);
}

int graph_input(struct build *b, const struct stage *s, const char *name, int line,
                struct input *ret, struct error **err)
{
    *ret = (struct input){.name = xstrdup(name), .stage = -1};
    const char *image = name;
    int named = named_context(b, name);
    if (named >= 0) {
        const char *source = strchr(b->options->contexts.items[named], '=') + 1;
        if (!str_starts(source, "docker-image://")) {
            ret->kind = INPUT_FOLDER;
            ret->folder = xstrdup(b->named[named].path);
            ret->stage = named;
            return 0;
        }
        image = source + strlen("docker-image://");
    } else if ((ret->stage = graph_find(b, name, s->index)) >= 0) {
        ret->kind = INPUT_STAGE;
        return graph_need(b, ret->stage, err);
    }
    if (named < 0 && graph_find(b, name, (int)b->stage_count) >= 0) {
        return dockerfile_error(b->file.name, line, err,
                                "'%s' is a stage that comes later: a stage can use those before it",
                                name);
    }
    ret->kind = INPUT_IMAGE;
    int r = ensure_image(b, s, image, &ret->image, err);
    return r < 0 ? error_wrap(err, r, "%s:%d", b->file.name, line) : 0;
}

static int load_base(struct build *b, struct stage *s, struct error **err)
{
    const char *name = s->base;
    int named = named_context(b, name);
    if (named >= 0) {
        const char *source = strchr(b->options->contexts.items[named], '=') + 1;
        if (!str_starts(source, "docker-image://")) {
            return dockerfile_error(b->file.name, s->from->line, err,
                                    "FROM: the context '%s' is a folder, no image", name);
        }
        name = source + strlen("docker-image://");
        s->is_scratch = false;
        s->base_stage = -1;
    }
    if (s->base_stage >= 0) {
        return graph_need(b, s->base_stage, err);
    }
    if (s->is_scratch) {
        return 0;
    }
    int r = ensure_image(b, s, name, &s->image, err);
    return r < 0 ? error_wrap(err, r, "%s:%d: FROM %s", b->file.name, s->from->line, s->base) : r;
}

int graph_need(struct build *b, int index, struct error **err)
{
    struct stage *s = &b->stages[index];
    if (s->needed) {
        return 0;
    }
    s->needed = true;
    int r = load_base(b, s, err);
    return r < 0 ? r : evaluate_stage(b, s, err);
}
