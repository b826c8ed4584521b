// SPDX-License-Identifier: Apache-2.0
/* A stage's instructions in order: what changes the config is done at once, what makes a layer
 * becomes a step. Nothing is executed here. */
#include <string.h>

#include "build/build.h"
#include "build/file/expand.h"
#include "build/file/line.h"
#include "spec/from_image.h"

const char *stage_variable(const struct stage *s, const char *name)
{
    size_t n = strlen(name), i;
    json_t *item;
    const char *arg = pair_value(&s->args, name);
    if (arg) { /* an ENV behind it would have taken its value away */
        return arg;
    }
    json_array_foreach(json_object_get(s->config, "Env"), i, item)
    {
        const char *pair = json_string_value(item);
        if (pair && strncmp(pair, name, n) == 0 && pair[n] == '=') {
            return pair + n + 1;
        }
    }
    return NULL;
}

static const char *lookup(void *context, const char *name)
{
    return stage_variable(context, name);
}

int evaluate_word(struct build *b, struct stage *s, const struct instruction *i, const char *text,
                  char **ret, struct error **err)
{
    CLEANUP(error) struct error *why = NULL;
    struct expansion e = {.escape = b->file.escape, .lookup = lookup, .context = s};
    return expand_word(&e, text, ret, &why) < 0
               ? dockerfile_error(b->file.name, i->line, err, "%s: %s", instruction_name(i->kind),
                                  why->message)
               : 0;
}

size_t history_add(struct stage *s, const char *created_by, bool empty_layer)
{
    json_t *entry = json_pack("{s:s?}", "created_by", created_by);
    if (empty_layer) {
        json_object_set_new(entry, "empty_layer", json_true());
    }
    json_array_append_new(s->history, entry);
    return json_array_size(s->history) - 1;
}

struct build_step *stage_add_step(struct stage *s, enum build_step_kind kind,
                                  const struct instruction *at)
{
    s->steps = xrealloc(s->steps, (s->step_count + 1) * sizeof(*s->steps));
    struct build_step *step = &s->steps[s->step_count++];
    *step = (struct build_step){.kind = kind, .at = at};
    step->output.max = 1 << 20;
    return step;
}

static int add_workdir(struct build *b, struct stage *s, const struct instruction *i,
                       struct error **err)
{
    CLEANUP(free) char *path = NULL;
    int r = evaluate_word(b, s, i, i->rest, &path, err);
    if (r < 0) {
        return r;
    }
    if (!*path) {
        return dockerfile_error(b->file.name, i->line, err, "WORKDIR: '%s' expands to nothing",
                                i->rest);
    }
    const char *before = json_string_value(json_object_get(s->config, "WorkingDir"));
    CLEANUP(arena) struct arena *a = arena_new();
    CLEANUP(free)
    char *joined = *path == '/' ? xstrdup(path) : str_format("%s/%s", str_or(before, "/"), path);
    char *clean = path_clean(a, joined);
    json_object_set_new(s->config, "WorkingDir", json_string(clean));
    CLEANUP(free) char *text = str_format("WORKDIR %s", clean);
    size_t entry = history_add(s, text, true);
    if (str_equal(clean, "/")) {
        return 0;
    }
    const char *user = json_string_value(json_object_get(s->config, "User"));
    struct build_step *step = stage_add_step(s, BUILD_WORKDIR, i);
    step->folder = xstrdup(clean);
    step->user = xstrdup(user);
    step->text = xstrdup(text);
    step->history = entry;
    step->definition = json_pack("{s:s, s:s?}", "workdir", clean, "user", user);
    return 0;
}

static int evaluate_one(struct build *b, struct stage *s, const struct instruction *i,
                        struct error **err)
{
    switch (i->kind) {
    case I_RUN:
        return evaluate_run(b, s, i, err);
    case I_COPY:
    case I_ADD:
        return evaluate_copy(b, s, i, err);
    case I_WORKDIR:
        return add_workdir(b, s, i, err);
    case I_ARG:
        return arguments_stage(b, s, i, err);
    case I_CMD:
    case I_ENTRYPOINT:
    case I_ENV:
    case I_EXPOSE:
    case I_FROM:
    case I_HEALTHCHECK:
    case I_LABEL:
    case I_MAINTAINER:
    case I_ONBUILD:
    case I_SHELL:
    case I_STOPSIGNAL:
    case I_USER:
    case I_VOLUME:
    case I_KIND_COUNT:
        break;
    }
    return evaluate_config(b, s, i, err);
}

/* From the base: an image, a stage before, or nothing. */
static int begin_from_base(struct build *b, struct stage *s)
{
    const json_t *base = s->image             ? s->image->config_json
                         : s->base_stage >= 0 ? b->stages[s->base_stage].image_config
                                              : NULL;
    s->image_config = base ? json_deep_copy(base) : json_object();
    s->history = json_array();
    if (s->base_stage >= 0) {
        const struct stage *from = &b->stages[s->base_stage];
        s->config = json_deep_copy(from->config);
        strv_add_all(&s->shell, from->shell.items);
        strv_add_all(&s->args, from->args.items);
        json_decref(s->history);
        s->history = json_deep_copy(from->history);
        s->author = xstrdup(from->author);
        if (!s->platform_set) {
            s->platform = from->platform;
        }
        return 0;
    }
    json_t *config = json_object_get(s->image_config, "config");
    s->config = json_is_object(config) ? json_deep_copy(config) : json_object();
    if (s->is_scratch) { /* an image of nothing says so, as BuildKit's does */
        json_object_set_new(s->config, "WorkingDir", json_string("/"));
    } else if (str_equal(json_string_value(json_object_get(s->config, "WorkingDir")), "")) {
        json_object_del(s->config, "WorkingDir"); /* the older Docker's way to have none */
    }
    json_t *history = json_object_get(s->image_config, "history");
    if (json_is_array(history)) {
        json_decref(s->history);
        s->history = json_deep_copy(history);
    }
    size_t n;
    json_t *word;
    json_array_foreach(json_object_get(s->config, "Shell"), n, word)
    {
        strv_add(&s->shell, str_or(json_string_value(word), ""));
    }
    return 0;
}

/* ONBUILD of the base image is done behind FROM, and is not passed on. A stage's own goes to those
 * that stand on its image. */
static int run_triggers(struct build *b, struct stage *s, struct error **err)
{
    CLEANUP(json) json_t *list = json_incref(json_object_get(s->config, "OnBuild"));
    if (!json_array_size(list)) {
        return 0;
    }
    json_object_del(s->config, "OnBuild");
    s->triggers = xcalloc(json_array_size(list), sizeof(*s->triggers));
    size_t n;
    json_t *text;
    int r = 0;
    json_array_foreach(list, n, text)
    {
        struct instruction *i = &s->triggers[n];
        r = r < 0 ? r
                  : instruction_parse(b->file.name, str_or(json_string_value(text), ""),
                                      b->file.escape, s->from->line, i, err);
        if (r == 0) {
            s->trigger_count++;
            r = evaluate_one(b, s, i, err);
        }
        if (r < 0) {
            return error_wrap(err, r, "ONBUILD of '%s'", s->base);
        }
    }
    return 0;
}

static void set_default_path(struct stage *s)
{
    if (!stage_variable(s, "PATH")) {
        json_t *env = json_object_get(s->config, "Env");
        json_t *fresh = json_is_array(env) ? env : json_array();
        json_array_append_new(
            fresh,
            json_string("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"));
        json_object_set(s->config, "Env", fresh);
        if (fresh != env) {
            json_decref(fresh);
        }
    }
}

int evaluate_stage(struct build *b, struct stage *s, struct error **err)
{
    int r = begin_from_base(b, s);
    set_default_path(s);
    r = r < 0 ? r : run_triggers(b, s, err);
    for (size_t i = 0; i < s->instruction_count && r == 0; i++) {
        r = evaluate_one(b, s, &s->first[i], err);
    }
    s->evaluated = r == 0;
    return r;
}

static void input_done(struct input *i)
{
    free(i->name);
    free(i->folder);
    image_free(i->image);
}

void step_done(struct build_step *s)
{
    char *texts[] = {
        s->text,   s->user,       s->cwd,        s->network,       s->script,
        s->folder, s->copy.chown, s->copy.chmod, s->copy.checksum, s->copy.destination};
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        free(texts[i]);
    }
    strv_done(&s->args);
    strv_done(&s->env);
    strv_done(&s->copy.sources);
    strv_done(&s->copy.excludes);
    input_done(&s->copy.from);
    for (size_t i = 0; i < s->mount_count; i++) {
        struct run_mount *m = &s->mounts[i];
        input_done(&m->from);
        free(m->target);
        free(m->source);
        free(m->id);
        free(m->env);
    }
    free(s->mounts);
    for (size_t i = 0; i < s->copy.file_count; i++) {
        free(s->copy.files[i].name);
        free(s->copy.files[i].content);
    }
    free(s->copy.files);
    strbuf_done(&s->output);
    json_decref(s->definition);
    json_decref(s->inputs);
}

void stage_done(struct stage *s)
{
    for (size_t i = 0; i < s->step_count; i++) {
        step_done(&s->steps[i]);
    }
    for (size_t i = 0; i < s->trigger_count; i++) {
        instruction_done(&s->triggers[i]);
    }
    for (size_t i = 0; i < s->layer_count; i++) {
        free(s->layers[i].diff);
    }
    free(s->layers);
    free(s->triggers);
    free(s->steps);
    free(s->name);
    free(s->base);
    free(s->author);
    image_free(s->image);
    strv_done(&s->args);
    strv_done(&s->declared);
    strv_done(&s->shell);
    json_decref(s->config);
    json_decref(s->image_config);
    json_decref(s->history);
}
