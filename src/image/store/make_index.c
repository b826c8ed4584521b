// SPDX-License-Identifier: Apache-2.0
#include "image/store/make_index.h"

#include <string.h>

#include "image/layout.h"
#include "image/platform.h"

#define MEDIA_STATEMENT "application/vnd.in-toto+json"
#define STATEMENT_TYPE "https://in-toto.io/Statement/v0.1"

struct making {
    struct store *store;
    const struct reference *names;
    size_t name_count;
    json_t *manifests, *members;
    const char *lead; /* the image that names lead to */
};

static json_t *descriptor(const char *type, const char *digest, size_t size)
{
    return json_pack("{s:s, s:s, s:I}", "mediaType", type, "digest", digest, "size",
                     (json_int_t)size);
}

/* Keeps a JSON value as a blob. A new reference to its descriptor. */
static int add_json(struct store *s, json_t *json_take, const char *type, json_t **ret,
                    struct error **err)
{
    CLEANUP(json) json_t *json = json_take;
    CLEANUP(free) char *text = json_dumps(json, JSON_COMPACT);
    char digest[DIGEST_TEXT_BYTES];
    if (!text) {
        return error_set(err, ERROR_INVALID_INPUT, 0, "what is to be stated is not valid UTF-8");
    }
    int r = blob_add(s, text, strlen(text), digest, err);
    *ret = r < 0 ? NULL : descriptor(type, digest, strlen(text));
    return r;
}

/* "linux/arm64" → "linux%2Farm64", as package URLs want it. */
static char *escape_slashes(const char *text)
{
    struct strbuf out = {0};
    for (; *text; text++) {
        strbuf_adds(&out, *text == '/' ? "%2F" : (char[]){*text, '\0'});
    }
    return strbuf_take(&out);
}

/* What is stated about: the image's manifest, under each of its names. */
static json_t *subjects(const struct making *m, const char *platform, const char *manifest)
{
    json_t *list = json_array();
    CLEANUP(free) char *escaped = escape_slashes(platform);
    for (size_t i = 0; i < m->name_count; i++) {
        CLEANUP(free) char *name = reference_familiar_name(&m->names[i]);
        CLEANUP(free)
        char *url = str_format("pkg:docker/%s@%s?platform=%s", name, m->names[i].tag, escaped);
        json_array_append_new(list, json_pack("{s:s, s:{s:s}}", "name", url, "digest", "sha256",
                                              digest_hex(manifest)));
    }
    if (!m->name_count) {
        json_array_append_new(list, json_pack("{s:s, s:{s:s}}", "name", "_", "digest", "sha256",
                                              digest_hex(manifest)));
    }
    return list;
}

static int add_statement(struct making *m, const json_t *item, json_t *subject, json_t *layers,
                         json_t *diff_ids, struct error **err)
{
    json_t *layer = NULL, *predicate = json_object_get(item, "predicate");
    const char *type = json_string_value(json_object_get(item, "type"));
    if (!type || !json_is_object(predicate)) {
        return error_set(err, ERROR_INTERNAL, 0, "a statement has no type or no predicate");
    }
    json_t *statement = json_pack("{s:s, s:s, s:O, s:O}", "_type", STATEMENT_TYPE, "predicateType",
                                  type, "subject", subject, "predicate", predicate);
    int r = add_json(m->store, statement, MEDIA_STATEMENT, &layer, err);
    if (r >= 0) {
        json_array_append(diff_ids, json_object_get(layer, "digest"));
        json_object_set_new(layer, "annotations",
                            json_pack("{s:s}", "in-toto.io/predicate-type", type));
        json_array_append_new(layers, layer);
    }
    return r;
}

/* The manifest of what is stated about the image of that manifest. */
static int add_attestation(struct making *m, const json_t *statements, const char *platform,
                           const char *manifest, struct error **err)
{
    CLEANUP(json) json_t *subject = subjects(m, platform, manifest);
    CLEANUP(json) json_t *layers = json_array();
    CLEANUP(json) json_t *diff_ids = json_array();
    json_t *config = NULL, *entry = NULL, *item;
    size_t i;
    int r = 0;
    json_array_foreach(statements, i, item)
    {
        r = r < 0 ? r : add_statement(m, item, subject, layers, diff_ids, err);
    }
    if (r >= 0) {
        r = add_json(m->store,
                     json_pack("{s:s, s:s, s:{}, s:{s:s, s:O}}", "architecture", "unknown", "os",
                               "unknown", "config", "rootfs", "type", "layers", "diff_ids",
                               diff_ids),
                     MEDIA_CONFIG, &config, err);
    }
    if (r >= 0) {
        r = add_json(m->store,
                     json_pack("{s:i, s:s, s:o, s:O}", "schemaVersion", 2, "mediaType",
                               MEDIA_MANIFEST, "config", config, "layers", layers),
                     MEDIA_MANIFEST, &entry, err);
    }
    if (r < 0) {
        return r;
    }
    json_object_set_new(entry, "annotations",
                        json_pack("{s:s, s:s}", "vnd.docker.reference.digest", manifest,
                                  "vnd.docker.reference.type", "attestation-manifest"));
    json_object_set_new(entry, "platform",
                        json_pack("{s:s, s:s}", "architecture", "unknown", "os", "unknown"));
    json_array_append_new(m->manifests, entry);
    return 0;
}

static json_t *platform_json(const struct platform *p)
{
    json_t *json = json_pack("{s:s, s:s}", "architecture", p->architecture, "os", p->os);
    if (p->variant[0]) {
        json_object_set_new(json, "variant", json_string(p->variant));
    }
    return json;
}

/* The manifest that the store has of an image. The caller frees *ret_digest. */
static int find_manifest(struct store *s, const char *id, char **ret_digest, json_t **ret,
                         struct error **err)
{
    CLEANUP(free) char *path = layout_id(digest_hex(id));
    CLEANUP(json) json_t *json = NULL;
    CLEANUP(json) json_t *manifest = NULL;
    const char *digest = "", *type = MEDIA_MANIFEST;
    int64_t size = 0;
    int r = json_load_path(s->fd, path, MANIFEST_BYTES_MAX, &json, err);
    r = r < 0 ? r : json_get_str(json, "manifest", path, &digest, err);
    if (r < 0 || !digest_is_valid(digest) || !blob_exists(s, digest, &size)) {
        return r < 0 ? r : error_set(err, ERROR_CORRUPT, 0, "the image '%s' has no manifest", id);
    }
    CLEANUP(free) char *blob = layout_blob(digest);
    r = json_load_path(s->fd, blob, MANIFEST_BYTES_MAX, &manifest, err);
    r = r < 0 ? r : json_get_str(manifest, "mediaType", "the manifest", &type, err);
    *ret_digest = r < 0 ? NULL : xstrdup(digest);
    *ret = r < 0 ? NULL : descriptor(type, digest, (size_t)size);
    return r;
}

static int add_image(struct making *m, const json_t *image, struct error **err)
{
    const char *id = "", *text = "";
    json_t *statements = NULL, *entry = NULL;
    struct platform platform, host;
    CLEANUP(free) char *digest = NULL;
    int r;
    if ((r = json_get_str(image, "id", "request", &id, err)) < 0 ||
        (r = json_get_str(image, "platform", "request", &text, err)) < 0 ||
        (r = json_get_array(image, "statements", "request", &statements, err)) < 0 ||
        (r = platform_parse(text, &platform, err)) < 0 ||
        (r = find_manifest(m->store, id, &digest, &entry, err)) < 0) {
        return r;
    }
    json_object_set_new(entry, "platform", platform_json(&platform));
    json_array_append_new(m->manifests, entry);
    json_object_set_new(m->members, text, json_string(digest_hex(id)));
    platform_host(&host);
    bool fits = platform_equal(&host, platform.os, platform.architecture, platform.variant);
    m->lead = fits || !m->lead ? id : m->lead;
    return json_array_size(statements) ? add_attestation(m, statements, text, digest, err) : 0;
}

/* Attestations stand behind all images, as BuildKit's do. */
static json_t *images_first(const json_t *manifests)
{
    json_t *list = json_array(), *entry;
    for (int pass = 0; pass < 2; pass++) {
        size_t i;
        json_array_foreach(manifests, i, entry)
        {
            if ((json_object_get(entry, "annotations") != NULL) == (pass == 1)) {
                json_array_append(list, entry);
            }
        }
    }
    return list;
}

int index_make(struct store *s, const json_t *images, const struct reference *names, size_t count,
               char ret_digest[DIGEST_TEXT_BYTES], struct error **err)
{
    CLEANUP(json) json_t *manifests = json_array();
    CLEANUP(json) json_t *members = json_object();
    CLEANUP(json) json_t *entry = NULL;
    struct making m = {s, names, count, manifests, members, NULL};
    json_t *image;
    size_t i;
    int r = 0;
    json_array_foreach(images, i, image)
    {
        r = r < 0 ? r : add_image(&m, image, err);
    }
    if (r >= 0) {
        r = add_json(s,
                     json_pack("{s:i, s:s, s:o}", "schemaVersion", 2, "mediaType", MEDIA_INDEX,
                               "manifests", images_first(manifests)),
                     MEDIA_INDEX, &entry, err);
    }
    const char *digest = json_string_value(json_object_get(entry, "digest"));
    for (i = 0; i < count && r >= 0; i++) {
        r = name_set_index(s, &names[i], m.lead, digest, members, err);
    }
    if (r >= 0) {
        memcpy(ret_digest, digest, DIGEST_TEXT_BYTES);
    }
    return r;
}
