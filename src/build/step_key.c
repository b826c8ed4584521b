// SPDX-License-Identifier: Apache-2.0
/* What makes a step the same as one before: the layer below, its definition, and the names, content
 * and modes of the files that it reads. */
#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "build/add_remote.h"
#include "build/copy_job.h"
#include "build/execute.h"
#include "build/rootfs.h"
#include "build/sealer.h"

/* The topmost layer of an image. */
static json_t *image_chain(const struct image *image)
{
    const struct strv *diffs = &image->config.diff_ids;
    char below[DIGEST_TEXT_BYTES] = "", chain[DIGEST_TEXT_BYTES];
    for (size_t i = 0; i < diffs->count; i++) {
        digest_chain(i ? below : NULL, diffs->items[i], chain);
        memcpy(below, chain, sizeof(chain));
    }
    return json_string(below);
}

/* What is known without reading any file; NULL for a context. */
static json_t *input_of_layers(const struct input *from)
{
    return from->kind == INPUT_STAGE   ? json_integer(from->stage)
           : from->kind == INPUT_IMAGE ? image_chain(from->image)
                                       : NULL;
}

/* The worker begins while the rest is looked at. */
static void expect_work(void *build)
{
    sealer_expect(build);
}

static int digest_sources(struct build *b, struct build_step *step, int folder, struct digest *to,
                          struct error **err)
{
    CLEANUP(ignore) struct ignore excludes = {0};
    struct content_request q;
    int r = copy_content_request(b, step, folder, &excludes, &q, err);
    q.expect = expect_work;
    q.expect_context = b;
    for (size_t i = 0; i < step->copy.sources.count && r >= 0; i++) {
        const char *source = step->copy.sources.items[i];
        CLEANUP(source_items) struct source_items items = {0};
        if (copy_is_remote(&step->copy, i)) {
            continue; /* fetched before */
        }
        r = content_find(&q, source, &items, err);
        for (size_t n = 0; n < items.count && r >= 0; n++) {
            r = content_digest(&q, &items.items[n], to, err);
        }
    }
    return r;
}

static int look_at_copy(struct build *b, struct build_step *step, struct error **err)
{
    CLEANUP(digest) struct digest *to = digest_new();
    char content[DIGEST_TEXT_BYTES];
    json_t *layers = input_of_layers(&step->copy.from);
    size_t remote = 0;
    int r = 0;
    if (layers) {
        json_array_append_new(step->inputs, layers);
        return 0;
    }
    for (size_t i = 0; i < step->copy.sources.count; i++) {
        remote += copy_is_remote(&step->copy, i);
    }
    if (remote) {
        r = sealer_need(b, err);
        r = r < 0 ? r : add_remote_fetch(b, step, to, err);
    }
    if (r >= 0 && remote < step->copy.sources.count) {
        CLEANUP(fd) int folder = copy_source_open(b, step, b->run_dir, err);
        r = folder < 0 ? folder : digest_sources(b, step, folder, to, err);
    }
    if (r >= 0) {
        digest_end(to, content);
        json_array_append_new(step->inputs, json_string(content));
    }
    return r;
}

static int look_at_mount(struct build *b, struct build_step *step, const struct run_mount *m,
                         struct error **err)
{
    json_t *layers = m->has_from ? input_of_layers(&m->from) : NULL;
    char content[DIGEST_TEXT_BYTES];
    if (layers) {
        json_array_append_new(step->inputs, layers);
        return 0;
    }
    const struct context *c = m->has_from ? &b->named[m->from.stage] : &b->context;
    CLEANUP(digest) struct digest *to = digest_new();
    CLEANUP(source_items) struct source_items items = {0};
    struct content_request q = {.folder = c->fd,
                                .ignore = &c->ignore,
                                .digests = c->digests,
                                .names = c->names,
                                .expect = expect_work,
                                .expect_context = b};
    int r = c->fd < 0 ? error_set(err, ERROR_NOT_FOUND, 0, "there is no context to mount")
                      : content_find(&q, str_or(m->source, "/"), &items, err);
    for (size_t n = 0; n < items.count && r >= 0; n++) {
        r = content_digest(&q, &items.items[n], to, err);
    }
    digest_end(to, content);
    json_array_append_new(step->inputs, json_string(content));
    return r;
}

int step_look(struct build *b, struct stage *s, struct build_step *step, struct error **err)
{
    json_decref(step->inputs);
    step->inputs = json_array();
    int r = step->kind == BUILD_COPY ? look_at_copy(b, step, err) : 0;
    for (size_t i = 0; i < step->mount_count && r >= 0; i++) {
        const struct run_mount *m = &step->mounts[i];
        if (m->kind == MOUNT_BIND || (m->kind == MOUNT_CACHE && m->has_from)) {
            r = look_at_mount(b, step, m, err);
        }
    }
    return r;
}

/* The stage's digest in the place of its number. */
static json_t *resolve_inputs(const struct build *b, const struct build_step *step)
{
    json_t *list = json_array(), *input;
    size_t i;
    json_array_foreach(step->inputs, i, input)
    {
        if (!json_is_integer(input)) {
            json_array_append(list, input);
            continue;
        }
        const struct stage *from = &b->stages[json_integer_value(input)];
        const char *chain =
            from->layer_count ? from->layers[from->layer_count - 1].chain_id : "scratch";
        if (!*chain) {
            json_decref(list);
            return NULL;
        }
        json_array_append_new(list, json_string(chain));
    }
    return list;
}

bool step_key(const struct build *b, const struct stage *s, const struct build_step *step,
              const char *parent, char ret[DIGEST_TEXT_BYTES])
{
    json_t *inputs = resolve_inputs(b, step);
    if (!inputs) {
        return false;
    }
    CLEANUP(free) char *platform = platform_text(&s->platform);
    CLEANUP(json)
    json_t *whole =
        json_pack("{s:s, s:O, s:o, s:s, s:I}", "parent", parent, "step", step->definition, "inputs",
                  inputs, "platform", platform, "epoch", (json_int_t)b->epoch);
    cache_key(whole, ret);
    return true;
}

static bool in_list(const struct strv *names, const struct stage *s)
{
    CLEANUP(free) char *number = str_format("%d", s->index);
    for (size_t i = 0; i < names->count; i++) {
        CLEANUP(strv) struct strv parts = {0};
        strv_split(&parts, names->items[i], ',');
        if ((s->name && strv_contains(&parts, s->name)) || strv_contains(&parts, number)) {
            return true;
        }
    }
    return false;
}

bool step_is_cacheable(const struct build *b, const struct stage *s, const struct build_step *step)
{
    return !b->options->no_cache && !in_list(&b->options->no_cache_filter, s);
}
