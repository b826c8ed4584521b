// SPDX-License-Identifier: Apache-2.0
/* commit: what a container has written becomes a layer on its image. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "image/layout.h"
#include "image/store/add.h"
#include "image/store/changes.h"
#include "image/store/limits.h"
#include "image/store/manifest.h"
#include "image/store/tar_stream.h"
#include "image/store/verbs.h"

static int read_upper(struct store *s, const char *upper, const struct unpack_limits *limits,
                      struct layer *ret, struct error **err)
{
    struct tar_stream stream;
    CLEANUP(fd) int folder = open_file(AT_FDCWD, upper, O_RDONLY | O_DIRECTORY, 0, err);
    int r = folder < 0 ? folder : tar_stream_open(folder, true, &stream, err);
    if (r < 0) {
        return r;
    }
    CLEANUP(source_fd) struct source_fd source;
    source_fd_init(&source, stream.fd, "the container's files");
    struct layer_input in = {.source = &source.base,
                             .name = "the container's files",
                             .needs_end_marker = true,
                             .limits = *limits};
    r = layer_read(s, &in, ret, err);
    int closed = tar_stream_close(&stream, r, err);
    if (r >= 0 && closed < 0) {
        layer_done(ret);
    }
    return closed;
}

struct commit {
    struct store *store;
    struct image *parent;
    const char *upper, *author, *message, *created_by;
    json_t *config; /* Cmd, Env, … */
    struct unpack_limits limits;
    struct layer layers[IMAGE_LAYERS_MAX];
    size_t layer_count;
};

/* The parent's layers are in the store: they need no reading. */
static int find_parent_layers(struct commit *c, struct error **err)
{
    const struct strv *diff_ids = &c->parent->config.diff_ids;
    char chain[DIGEST_TEXT_BYTES], above[DIGEST_TEXT_BYTES];
    if (diff_ids->count + 1 > IMAGE_LAYERS_MAX) {
        return error_set(err, ERROR_UNSUPPORTED, E2BIG, "the image has %zu layers already",
                         diff_ids->count);
    }
    for (size_t i = 0; i < diff_ids->count; i++) {
        digest_chain(i ? chain : NULL, diff_ids->items[i], above);
        memcpy(chain, above, sizeof(chain));
        if (!layer_find(c->store, chain, &c->layers[i])) {
            return error_set(err, ERROR_CORRUPT, 0, "the layer '%s' is not in the store", chain);
        }
        c->layer_count++;
    }
    return 0;
}

static json_t *make_config(const struct commit *c)
{
    char created[TIME_TEXT_BYTES];
    time_now_text(created);
    json_t *json = json_deep_copy(c->parent->config_json);
    json_t *rootfs = json_object_get(json, "rootfs");
    json_t *history = json_object_get(json, "history");
    if (!json_is_array(history)) {
        history = json_array();
        json_object_set_new(json, "history", history);
    }
    json_array_append_new(json_object_get(rootfs, "diff_ids"),
                          json_string(c->layers[c->layer_count - 1].diff_id));
    json_array_append_new(history,
                          json_pack("{s:s, s:s?, s:s?, s:s?}", "created", created, "created_by",
                                    c->created_by, "author", c->author, "comment", c->message));
    json_object_set_new(json, "created", json_string(created));
    json_object_set(json, "config", c->config);
    if (c->author) {
        json_object_set_new(json, "author", json_string(c->author));
    }
    return json;
}

static int commit(struct commit *c, const struct reference *name, struct error **err)
{
    CLEANUP(free) char *id = NULL;
    int r = find_parent_layers(c, err);
    if (r >= 0) {
        r = read_upper(c->store, c->upper, &c->limits, &c->layers[c->layer_count], err);
    }
    if (r < 0) {
        return r;
    }
    c->layer_count++;
    CLEANUP(json) json_t *json = make_config(c);
    CLEANUP(free) char *text = json_dumps(json, JSON_COMPACT);
    if (!text) {
        return error_set(err, ERROR_INVALID_INPUT, 0, "the image's config is not valid UTF-8");
    }
    struct image_draft d = {.config = text,
                            .config_len = strlen(text),
                            .layers = c->layers,
                            .layer_count = c->layer_count,
                            .names = name,
                            .name_count = name != NULL};
    r = image_add(c->store, &d, &id, err);
    if (r >= 0) {
        printf("%s\n", id);
    }
    return r;
}

static int read_request(const struct verb_request *request, struct commit *c,
                        struct reference *ret_name, const char **parent, struct error **err)
{
    const char *name = NULL;
    json_t *config = NULL;
    int r;
    *parent = "";
    if ((r = json_get_str(request->json, "parent", "request", parent, err)) < 0 ||
        (r = json_get_str(request->json, "upper", "request", &c->upper, err)) < 0 ||
        (r = json_get_str(request->json, "author", "request", &c->author, err)) < 0 ||
        (r = json_get_str(request->json, "message", "request", &c->message, err)) < 0 ||
        (r = json_get_str(request->json, "createdBy", "request", &c->created_by, err)) < 0 ||
        (r = json_get_str(request->json, "reference", "request", &name, err)) < 0 ||
        (r = json_get_object(request->json, "imageConfig", "request", &config, err)) < 0 ||
        (r = limits_load(request->config_path, &c->limits, err)) < 0 ||
        (r = name ? change_read_reference(name, ret_name, err) : 0) < 0) {
        return r;
    }
    c->config = json_deep_copy(config);
    return change_apply_all(request->json, c->config, err);
}

int verb_commit(const struct verb_request *request, struct error **err)
{
    CLEANUP(store) struct store s = {.fd = -1, .lock = -1};
    CLEANUP(reference) struct reference name = {0};
    CLEANUP(image) struct image *parent = NULL;
    const char *parent_id = NULL;
    struct commit *c = xcalloc(1, sizeof(*c));
    int r = read_request(request, c, &name, &parent_id, err);
    if (r >= 0) {
        r = image_resolve(request->data_dir, parent_id, &parent, err);
    }
    if (r >= 0) {
        r = store_open(request->data_dir, &s, err);
    }
    if (r >= 0) {
        r = store_start_unpacker(&s, true, err);
    }
    if (r >= 0) {
        c->store = &s;
        c->parent = parent;
        r = commit(c, name.registry ? &name : NULL, err);
    }
    for (size_t i = 0; i < c->layer_count; i++) {
        layer_done(&c->layers[i]);
    }
    json_decref(c->config);
    free(c);
    return r;
}
