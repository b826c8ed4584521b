// SPDX-License-Identifier: Apache-2.0
/* build-cache-get, build-cache-layer, build-cache-put: the build caches that registries keep. */
#include "image/registry/build_cache.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "image/layout.h"
#include "image/registry/registry.h"
#include "image/registry/remote.h"
#include "image/registry/upload.h"
#include "image/store/deferred.h"
#include "image/store/layer_import.h"
#include "image/store/manifest.h"
#include "image/store/verbs.h"

#define RECORDS_BYTES_MAX ((size_t)64 << 20)

struct cache_request {
    const struct verb_request *verb;
    struct reference reference;
    struct platform platform; /* of an image in an index */
    const char *file;         /* of the records: written, or read */
    struct store *store;
    struct layer_import *layer;
};

static int at_registry(struct cache_request *q,
                       int (*work)(void *context, struct registry *r, struct error **err),
                       struct error **err)
{
    int e = registry_at_each(q->verb->config_path, q->reference.registry, q->reference.repository,
                             0, work, q, err);
    CLEANUP(free) char *name = reference_familiar(&q->reference);
    return e < 0 ? error_wrap(err, e, "the build cache '%s'", name) : 0;
}

static int read_request(const struct verb_request *verb, struct cache_request *q,
                        struct error **err)
{
    const char *name = "", *platform = NULL;
    int r;
    q->verb = verb;
    platform_host(&q->platform);
    if ((r = json_get_str(verb->json, "reference", "request", &name, err)) < 0 ||
        (r = json_get_str(verb->json, "file", "request", &q->file, err)) < 0 ||
        (r = json_get_str(verb->json, "platform", "request", &platform, err)) < 0 ||
        (r = platform ? platform_parse(platform, &q->platform, err) : 0) < 0) {
        return r;
    }
    return reference_parse(name, &q->reference, err);
}

/* The records in a config of either kind. A new reference. */
static int records_of(json_t *config, const char *type, json_t **ret, struct error **err)
{
    if (str_equal(type, "application/vnd.buildkit.cacheconfig.v0")) {
        return error_set(err, ERROR_UNSUPPORTED, 0, "it is BuildKit's, whose keys are others");
    }
    json_t *records =
        str_equal(type, MEDIA_BUILD_CACHE) ? config : json_object_get(config, BUILD_CACHE_MEMBER);
    if (!json_is_object(records)) {
        return error_set(err, ERROR_NOT_FOUND, 0, "the image has none in it");
    }
    *ret = json_incref(records);
    return 0;
}

/* The manifest itself, or the one for the platform. */
static int find_manifest(const struct cache_request *q, struct registry *r, struct http *h,
                         json_t **ret, struct error **err)
{
    const struct reference *ref = &q->reference;
    CLEANUP(remote_text) struct remote_text text = {0};
    CLEANUP(json) json_t *json = NULL;
    int e = remote_manifest(r, h, ref->digest ? ref->digest : ref->tag, -1, &text, &json, err);
    if (e >= 0 && manifest_is_index(json, text.media_type)) {
        struct content_descriptor chosen = {0};
        CLEANUP(remote_text) struct remote_text inner = {0};
        e = index_choose(json, &q->platform, "the index", &chosen, err);
        json_decref(take_ptr(json));
        e = e < 0 ? e : remote_manifest(r, h, chosen.digest, chosen.size, &inner, &json, err);
        content_descriptor_done(&chosen);
    }
    *ret = e < 0 ? NULL : take_ptr(json);
    return e < 0 ? e : 0;
}

static int get(void *context, struct registry *r, struct error **err)
{
    const struct cache_request *q = context;
    CLEANUP(http) struct http *h = http_new(r->client);
    CLEANUP(json) json_t *manifest = NULL;
    CLEANUP(json) json_t *config = NULL;
    CLEANUP(json) json_t *records = NULL;
    CLEANUP(remote_text) struct remote_text text = {0};
    struct content_descriptor d = {0};
    int e = find_manifest(q, r, h, &manifest, err);
    e = e < 0
            ? e
            : content_descriptor_parse(json_object_get(manifest, "config"), "its config", &d, err);
    e = e < 0 ? e : remote_blob(r, h, d.digest, d.size, RECORDS_BYTES_MAX, &text, err);
    e = e < 0 ? e : json_parse(text.text, text.len, "its config", &config, err);
    e = e < 0 ? e : records_of(config, d.media_type, &records, err);
    content_descriptor_done(&d);
    return e < 0 ? e : json_save_path(AT_FDCWD, q->file, records, 0600, false, err);
}

int verb_build_cache_get(const struct verb_request *request, struct error **err)
{
    struct cache_request q = {0};
    int r = read_request(request, &q, err);
    r = r < 0 ? r : at_registry(&q, get, err);
    reference_done(&q.reference);
    return r;
}

static int get_layer(void *context, struct registry *r, struct error **err)
{
    struct cache_request *q = context;
    struct registry_blob blob;
    CLEANUP(free) char *name = str_format("layer '%s'", q->layer->blob);
    registry_blob_init(&blob, r, q->layer->blob, q->layer->blob_size);
    int e = layer_import(q->store, q->layer, &blob.base, name, err);
    registry_blob_done(&blob);
    return e;
}

int verb_build_cache_layer(const struct verb_request *request, struct error **err)
{
    CLEANUP(store) struct store store = {.fd = -1, .lock = -1};
    struct layer_import layer = {.config_path = request->config_path};
    struct cache_request q = {.store = &store, .layer = &layer};
    int r = read_request(request, &q, err);
    r = r < 0 ? r : layer_import_read(request->json, &layer, err);
    r = r < 0 ? r : store_open(request->data_dir, &store, err);
    r = r < 0 ? r : store_start_unpacker(&store, true, err);
    r = r < 0 ? r : at_registry(&q, get_layer, err);
    strv_done(&layer.parents);
    reference_done(&q.reference);
    return r;
}

/* The blobs that the records name, each once, as descriptors of layers. A new reference. */
static json_t *layers_of(const json_t *records)
{
    CLEANUP(json) json_t *seen = json_object();
    json_t *list = json_array(), *record;
    const char *key;
    json_object_foreach((json_t *)records, key, record)
    {
        const char *blob = json_string_value(json_object_get(record, "blob"));
        if (!blob || !*blob || json_object_get(seen, blob)) {
            continue;
        }
        json_object_set_new(seen, blob, json_true());
        json_array_append_new(list, json_pack("{s:O, s:O, s:O}", "mediaType",
                                              json_object_get(record, "mediaType"), "digest",
                                              json_object_get(record, "blob"), "size",
                                              json_object_get(record, "blobSize")));
    }
    return list;
}

static int put_layer(const struct cache_request *q, struct registry *r, struct http *h,
                     const char *digest, struct error **err)
{
    CLEANUP(fd) int fd = blob_open(q->store, digest, err);
    struct stat st;
    struct strv none = {0};
    if (fd < 0 || fstat(fd, &st) < 0) {
        return fd < 0 ? fd : error_set_errno(err, ERROR_KERNEL, errno, "reading '%s'", digest);
    }
    struct upload u = {.digest = digest, .fd = fd, .size = st.st_size, .others = &none};
    int e = upload_blob(r, h, &u, NULL, err);
    return e < 0 ? error_wrap(err, e, "layer '%s'", digest) : 0;
}

/* The config is written nowhere here: the upload reads it from a file in memory. */
static int put_config(struct registry *r, struct http *h, const char *text, const char *digest,
                      struct error **err)
{
    CLEANUP(fd) int fd = memfd_create("config", MFD_CLOEXEC);
    struct strv none = {0};
    int e = fd < 0 ? -errno : write_all(fd, text, strlen(text));
    if (e < 0) {
        return error_set_errno(err, ERROR_KERNEL, -e, "writing the config");
    }
    struct upload u = {.digest = digest, .fd = fd, .size = (int64_t)strlen(text), .others = &none};
    return upload_blob(r, h, &u, NULL, err);
}

static int put(void *context, struct registry *r, struct error **err)
{
    const struct cache_request *q = context;
    CLEANUP(http) struct http *h = http_new(r->client);
    CLEANUP(json) json_t *records = NULL;
    char digest[DIGEST_TEXT_BYTES];
    int e = json_load_path(AT_FDCWD, q->file, RECORDS_BYTES_MAX, &records, err);
    if (e < 0) {
        return e;
    }
    CLEANUP(free) char *config = json_dumps(records, JSON_COMPACT | JSON_SORT_KEYS);
    CLEANUP(json) json_t *layers = layers_of(records);
    json_t *layer;
    size_t i;
    json_array_foreach(layers, i, layer)
    {
        const char *blob = json_string_value(json_object_get(layer, "digest"));
        e = e < 0 ? e : put_layer(q, r, h, blob, err);
    }
    digest_of(config, strlen(config), digest);
    e = e < 0 ? e : put_config(r, h, config, digest, err);
    if (e < 0) {
        return e;
    }
    CLEANUP(json)
    json_t *manifest =
        json_pack("{s:i, s:s, s:{s:s, s:s, s:I}, s:O}", "schemaVersion", 2, "mediaType",
                  MEDIA_MANIFEST, "config", "mediaType", MEDIA_BUILD_CACHE, "digest", digest,
                  "size", (json_int_t)strlen(config), "layers", layers);
    CLEANUP(free) char *text = json_dumps(manifest, JSON_COMPACT);
    return remote_put_manifest(r, h, q->reference.tag, MEDIA_MANIFEST, text, strlen(text), err);
}

int verb_build_cache_put(const struct verb_request *request, struct error **err)
{
    CLEANUP(store) struct store store = {.fd = -1, .lock = -1};
    struct cache_request q = {.store = &store};
    int r = read_request(request, &q, err);
    r = r < 0 ? r : store_open_to_read(request->data_dir, &store, err);
    r = r < 0 ? r : at_registry(&q, put, err);
    reference_done(&q.reference);
    return r;
}
