// SPDX-License-Identifier: Apache-2.0
/* Docker's `image inspect` object, from what the store has. */
#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "image/image.h"
#include "image/layout.h"

struct own_names {
    const char *hex;
    json_t *tags, *digests;
};

static int note_own(void *context, const char *reference, const char *hex)
{
    struct own_names *n = context;
    if (!str_equal(n->hex, hex)) {
        return 0;
    }
    CLEANUP(free) char *familiar = reference_text_familiar(reference, false);
    json_array_append_new(strchr(reference, '@') ? n->digests : n->tags, json_string(familiar));
    return 0;
}

static json_t *or_string(const char *text)
{
    return json_string(str_or(text, ""));
}

/* The config's members that Docker shows whether set or not. */
static json_t *config_json(const json_t *image)
{
    static const char *const strings[] = {"Hostname", "Domainname", "User", "Image", "WorkingDir"};
    static const char *const nulls[] = {"Cmd", "Entrypoint", "Env", "Labels", "OnBuild", "Volumes"};
    const json_t *from = json_object_get(image, "config");
    json_t *config = json_is_object(from) ? json_deep_copy(from) : json_object();
    for (size_t i = 0; i < ARRAY_SIZE(strings); i++) {
        if (!json_object_get(config, strings[i])) {
            json_object_set_new(config, strings[i], json_string(""));
        }
    }
    for (size_t i = 0; i < ARRAY_SIZE(nulls); i++) {
        if (!json_object_get(config, nulls[i])) {
            json_object_set_new(config, nulls[i], json_null());
        }
    }
    return config;
}

static const char *last_comment(const json_t *image)
{
    const json_t *history = json_object_get(image, "history");
    const json_t *last = json_array_get(history, json_array_size(history) - 1);
    return str_or(json_string_value(json_object_get(last, "comment")), "");
}

/* Docker's keys name the overlay's folders: LowerDir is all but the topmost, UpperDir that. */
static json_t *graph_driver(const struct image *i)
{
    json_t *data = json_object();
    struct strbuf lower = {0};
    for (size_t n = 1; n < i->layers.count; n++) {
        strbuf_addf(&lower, "%s%s", n > 1 ? ":" : "", i->layers.items[n]);
    }
    if (lower.len) {
        json_object_set_new(data, "LowerDir", json_string(lower.data));
    }
    strbuf_done(&lower);
    if (i->layers.count) {
        json_object_set_new(data, "UpperDir", json_string(i->layers.items[0]));
    }
    return json_pack("{s:s, s:o}", "Name", "overlay2", "Data", data);
}

static json_t *last_tag_time(int store, const char *hex)
{
    CLEANUP(free) char *path = layout_id(hex);
    CLEANUP(json) json_t *json = NULL;
    const char *added = NULL;
    if (json_load_path(store, path, (size_t)1 << 20, &json, NULL) < 0 ||
        json_get_str(json, "addedAt", path, &added, NULL) <= 0) {
        return json_pack("{s:s}", "LastTagTime", "0001-01-01T00:00:00Z");
    }
    return json_pack("{s:s}", "LastTagTime", added);
}

int image_inspect_json(const char *data_dir, const struct image *i, json_t **ret,
                       struct error **err)
{
    CLEANUP(free) char *path = layout_store_path(data_dir);
    CLEANUP(fd) int store = open_file(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0, err);
    if (store < 0) {
        return store;
    }
    CLEANUP(json) json_t *tags = json_array();
    CLEANUP(json) json_t *digests = json_array();
    struct own_names names = {digest_hex(i->id), tags, digests};
    int r = layout_each_name(store, note_own, &names, err);
    if (r < 0) {
        return r;
    }
    const struct image_config *c = &i->config;
    json_t *layers = json_from_strv(&c->diff_ids);
    *ret = json_pack(
        "{s:s, s:O, s:O, s:s, s:s, s:o, s:s, s:o, s:o, s:o, s:s, s:I, s:I, s:o, s:{s:s, s:o}, s:o}",
        "Id", i->id, "RepoTags", tags, "RepoDigests", digests, "Parent", "", "Comment",
        last_comment(i->config_json), "Created", or_string(c->created), "DockerVersion", "",
        "Author", or_string(c->author), "Config", config_json(i->config_json), "Architecture",
        or_string(c->architecture), "Os", str_or(c->os, "linux"), "Size", (json_int_t)i->size_bytes,
        "VirtualSize", (json_int_t)i->size_bytes, "GraphDriver", graph_driver(i), "RootFS", "Type",
        "layers", "Layers", layers, "Metadata", last_tag_time(store, digest_hex(i->id)));
    if (!*ret) {
        return error_set(err, ERROR_CORRUPT, 0, "the image's config is not valid UTF-8");
    }
    if (c->variant) {
        json_object_set_new(*ret, "Variant", json_string(c->variant));
    }
    return 0;
}
