// SPDX-License-Identifier: Apache-2.0
#include "build/image_out.h"

#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "build/elsewhere.h"
#include "build/sealer.h"
#include "image/layout.h"
#include "image/name_index.h"
#include "image/registry/build_cache.h"

#define EPOCH_TEXT "1970-01-01T00:00:00Z"

/* Each step's entry gets its time, and whether it has a layer. */
static void set_step_history(const struct build *b, const struct stage *s, json_t *history)
{
    if (s->base_stage >= 0) {
        set_step_history(b, &b->stages[s->base_stage], history);
    }
    for (size_t i = 0; i < s->step_count; i++) {
        const struct build_step *step = &s->steps[i];
        json_t *entry = json_array_get(history, step->history);
        json_object_set_new(entry, "created", json_string(step->record.created));
        if (step->record.squashed) {
            json_object_set_new(entry, "empty_layer", json_true());
        } else {
            json_object_del(entry, "empty_layer");
        }
    }
}

/* What only changed the config is as old as the layer below it. Returns the last time. */
static const char *set_other_history(const struct build *b, const struct stage *s, json_t *history)
{
    const struct stage *root = s;
    while (root->base_stage >= 0) {
        root = &b->stages[root->base_stage];
    }
    const char *base = root->image ? root->image->config.created : NULL;
    const char *last = b->epoch >= 0 ? b->created : str_or(base, EPOCH_TEXT);
    size_t i;
    json_t *entry;
    json_array_foreach(history, i, entry)
    {
        const char *own = json_string_value(json_object_get(entry, "created"));
        size_t of_base =
            root->image ? json_array_size(json_object_get(root->image->config_json, "history")) : 0;
        if (!own && i >= of_base) {
            json_object_set_new(entry, "created", json_string(last));
        } else if (own && i >= of_base) {
            last = own;
        }
    }
    return last;
}

static json_t *diff_ids(const struct build *b, const struct stage *s)
{
    const struct stage *root = s;
    while (root->base_stage >= 0) {
        root = &b->stages[root->base_stage];
    }
    json_t *list = json_array();
    for (size_t i = 0; i < s->layer_count; i++) {
        const struct build_step *step = s->layers[i].step;
        json_array_append_new(
            list, json_string(step ? step->record.diff_id : root->image->config.diff_ids.items[i]));
    }
    return list;
}

static void set_labels(const struct build *b, json_t *config)
{
    const struct strv *labels = &b->options->labels;
    json_t *object = json_object_get(config, "Labels");
    if (!labels->count) {
        return;
    }
    if (!json_is_object(object)) {
        object = json_object();
        json_object_set_new(config, "Labels", object);
    }
    for (size_t i = 0; i < labels->count; i++) {
        size_t n = strcspn(labels->items[i], "=");
        CLEANUP(free) char *name = xstrndup(labels->items[i], n);
        json_object_set_new(object, name,
                            json_string(labels->items[i] + n + (labels->items[i][n] == '=')));
    }
}

/* Docker's, and caches of the base image. */
static void remove_foreign(json_t *json)
{
    static const char *const members[] = {
        "container", "container_config", "docker_version",   "id",
        "parent",    "parent_id",        BUILD_CACHE_MEMBER, "moby.buildkit.cache.v0"};
    for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
        json_object_del(json, members[i]);
    }
}

static json_t *make_config(struct build *b, struct stage *s)
{
    json_t *json = json_deep_copy(s->image_config);
    json_t *config = json_deep_copy(s->config);
    json_t *history = json_deep_copy(s->history);
    set_step_history(b, s, history);
    const char *created = set_other_history(b, s, history);
    remove_foreign(json);
    set_labels(b, config);
    json_object_set_new(json, "created", json_string(created));
    json_object_set_new(json, "architecture", json_string(s->platform.architecture));
    json_object_set_new(json, "os", json_string(s->platform.os));
    if (s->platform.variant[0]) {
        json_object_set_new(json, "variant", json_string(s->platform.variant));
    }
    if (s->author) {
        json_object_set_new(json, "author", json_string(s->author));
    }
    json_object_set_new(json, "config", config);
    json_object_set_new(json, "history", history);
    json_object_set_new(json, "rootfs",
                        json_pack("{s:s, s:o}", "type", "layers", "diff_ids", diff_ids(b, s)));
    json_t *records = elsewhere_inline(b);
    if (records) {
        json_object_set_new(json, BUILD_CACHE_MEMBER, records);
    }
    return json;
}

/* The image is in the store, and the names lead to it. */
static bool is_there(const struct build *b, const char *id, const struct strv *names)
{
    CLEANUP(free) char *file = layout_id(digest_hex(id));
    CLEANUP(free) char *path = str_format("%s/images/%s", b->engine.data_dir, file);
    CLEANUP(free) char *store = layout_store_path(b->engine.data_dir);
    if (access(path, F_OK) != 0 || b->options->annotations.count) {
        return false;
    }
    for (size_t i = 0; i < names->count; i++) {
        CLEANUP(reference) struct reference r = {0};
        CLEANUP(name_index) struct name_index index = {0};
        char target[4096];
        CLEANUP(fd) int fd = open(store, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (reference_parse(names->items[i], &r, NULL) < 0 || name_index_read(fd, &r, &index) > 0) {
            return false;
        }
        CLEANUP(free) char *name = layout_name(&r);
        CLEANUP(free) char *wanted = layout_name_target(name, digest_hex(id));
        CLEANUP(free) char *link = str_format("%s/%s", store, name);
        ssize_t n = readlink(link, target, sizeof(target) - 1);
        target[n < 0 ? 0 : n] = '\0';
        if (!str_equal(target, wanted)) {
            return false;
        }
    }
    return true;
}

static json_t *annotations_of(const struct build *b)
{
    json_t *object = json_object();
    for (size_t i = 0; i < b->options->annotations.count; i++) {
        const char *text = b->options->annotations.items[i];
        text = str_starts(text, "manifest:") ? text + strlen("manifest:") : text;
        size_t n = strcspn(text, "=");
        CLEANUP(free) char *name = xstrndup(text, n);
        json_object_set_new(object, name, json_string(text + n + (text[n] == '=')));
    }
    return object;
}

static int add_image(struct build *b, struct stage *s, const char *text, const struct strv *names,
                     struct image_result *ret, struct error **err)
{
    int r = sealer_need(b, err);
    if (r < 0) {
        return r;
    }
    json_t *layers = json_array();
    for (size_t i = 0; i < s->layer_count; i++) {
        json_array_append_new(layers, json_pack("{s:s}", "chain", s->layers[i].chain_id));
    }
    CLEANUP(json) json_t *answer = NULL;
    json_t *request =
        json_pack("{s:s, s:o, s:s, s:o, s:o}", "op", "commit", "layers", layers, "config", text,
                  "names", json_from_strv(names), "annotations", annotations_of(b));
    r = sealer_call(b->sealer, request, &answer, err);
    if (r >= 0) {
        ret->id = xstrdup(json_string_value(json_object_get(answer, "image")));
    }
    return r;
}

int image_out(struct build *b, struct stage *s, const struct strv *names, struct image_result *ret,
              struct error **err)
{
    CLEANUP(json) json_t *config = make_config(b, s);
    CLEANUP(free) char *text = json_dumps(config, JSON_COMPACT);
    char id[DIGEST_TEXT_BYTES];
    *ret = (struct image_result){0};
    if (!text) {
        return error_set(err, ERROR_INVALID_INPUT, 0, "the image's config is not valid UTF-8");
    }
    digest_of(text, strlen(text), id);
    if (is_there(b, id, names)) {
        *ret = (struct image_result){.id = xstrdup(id), .existed = true};
        return 0;
    }
    return add_image(b, s, text, names, ret, err);
}
