// SPDX-License-Identifier: Apache-2.0
#include "image/registry/manifest_member.h"

#include <string.h>

#include "image/registry/remote.h"
#include "image/registry/upload.h"

/* The members of a platform object that a config has. */
static int platform_json(struct registry *r, struct http *h, const struct content_descriptor *d,
                         json_t **ret, struct error **err)
{
    static const char *const keys[] = {"os", "architecture", "variant", "os.version",
                                       "os.features"};
    CLEANUP(remote_text) struct remote_text text = {0};
    CLEANUP(json) json_t *config = NULL;
    int e = remote_blob(r, h, d->digest, d->size, CONFIG_BYTES_MAX, &text, err);
    e = e < 0 ? e : json_parse(text.text, text.len, "the image's config", &config, err);
    if (e < 0) {
        return e;
    }
    *ret = json_object();
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        json_t *value = json_object_get(config, keys[i]);
        if (value && !(json_is_string(value) && !*json_string_value(value))) {
            json_object_set(*ret, keys[i], value);
        }
    }
    return 0;
}

int manifest_member_describe(struct registry *r, struct http *h, const json_t *json,
                             const struct remote_text *text, json_t **ret, struct error **err)
{
    CLEANUP(manifest) struct manifest m = {0};
    json_t *platform = NULL;
    int e = manifest_parse(json, "the manifest", &m, err);
    e = e < 0 ? e : platform_json(r, h, &m.config, &platform, err);
    if (e < 0) {
        return e;
    }
    const char *type = json_string_value(json_object_get(json, "mediaType"));
    *ret = json_pack("{s:s, s:s, s:I, s:o}", "mediaType", str_or(type, text->media_type), "digest",
                     text->digest, "size", (json_int_t)text->len, "platform", platform);
    return 0;
}

static void add_all(const json_t *index, const struct reference *ref, struct manifest_list *l)
{
    size_t i;
    json_t *entry;
    json_array_foreach(json_object_get(index, "manifests"), i, entry)
    {
        const json_t *platform = json_object_get(entry, "platform");
        const char *os = json_string_value(json_object_get(platform, "os"));
        const char *digest = json_string_value(json_object_get(entry, "digest"));
        if (os && !str_equal(os, "unknown") && digest && digest_is_valid(digest)) {
            struct reference own = {
                .registry = ref->registry, .repository = ref->repository, .digest = (char *)digest};
            CLEANUP(free) char *full = reference_full(&own);
            manifest_list_add(l, full, json_deep_copy(entry));
        }
    }
}

int manifest_member_add(struct registry *r, struct http *h, const struct reference *ref,
                        struct manifest_list *l, struct error **err)
{
    CLEANUP(remote_text) struct remote_text text = {0};
    CLEANUP(json) json_t *json = NULL;
    int e = remote_manifest(r, h, ref->digest ? ref->digest : ref->tag, -1, &text, &json, err);
    if (e < 0) {
        return e;
    }
    if (manifest_is_index(json, text.media_type)) {
        add_all(json, ref, l);
        return 0;
    }
    json_t *descriptor = NULL;
    e = manifest_member_describe(r, h, json, &text, &descriptor, err);
    if (e >= 0) {
        CLEANUP(free) char *full = reference_full(ref);
        manifest_list_add(l, full, descriptor);
    }
    return e;
}

static int mount_blobs(struct registry *r, struct http *h, const struct manifest *m,
                       const char *from, struct error **err)
{
    char *const list[] = {(char *)from, NULL};
    CLEANUP(strv) struct strv others = {0};
    strv_add_all(&others, list);
    struct upload u = {.digest = m->config.digest, .fd = -1, .others = &others};
    int e = upload_blob(r, h, &u, NULL, err);
    for (size_t i = 0; i < m->layer_count && e >= 0; i++) {
        u.digest = m->layers[i].digest;
        e = upload_blob(r, h, &u, NULL, err);
    }
    return e;
}

/* From another repository, whose path on the registry is asked for directly. */
static int copy(struct registry *r, struct http *h, const char *from, const char *digest,
                struct error **err)
{
    CLEANUP(free) char *path = str_format("/v2/%s/manifests/%s", from, digest);
    CLEANUP(http_response) struct http_response answer = {0};
    CLEANUP(json) json_t *json = NULL;
    CLEANUP(manifest) struct manifest m = {0};
    char found[DIGEST_TEXT_BYTES];
    int e = registry_get(r, h, path, MEDIA_MANIFEST ", " MEDIA_DOCKER_MANIFEST, MANIFEST_BYTES_MAX,
                         &answer, err);
    if (e < 0) {
        return e;
    }
    digest_of(str_or(answer.body.data, ""), answer.body.len, found);
    if (!str_equal(found, digest)) {
        return error_set(err, ERROR_CORRUPT, 0, "digest mismatch: '%s' came", found);
    }
    if ((e = json_parse(answer.body.data, answer.body.len, "the manifest", &json, err)) < 0 ||
        (e = manifest_parse(json, "the manifest", &m, err)) < 0 ||
        (e = mount_blobs(r, h, &m, from, err)) < 0) {
        return e;
    }
    return remote_put_manifest(r, h, digest, answer.content_type, answer.body.data, answer.body.len,
                               err);
}

int manifest_member_copy(struct registry *r, struct http *h, const json_t *member,
                         struct error **err)
{
    const char *digest = json_string_value(json_object_get(member, "digest"));
    const char *text = json_string_value(json_object_get(member, "reference"));
    CLEANUP(reference) struct reference from = {0};
    char there[DIGEST_TEXT_BYTES];
    int e = reference_parse(str_or(text, ""), &from, err);
    if (e < 0) {
        return e;
    }
    if (!str_equal(from.registry, r->name)) {
        e = error_set(err, ERROR_UNSUPPORTED, 0, "'%s' is in another registry than the list", text);
        return error_hint(err, e, "push it to '%s' and create the list of that", r->name);
    }
    e = remote_digest(r, h, str_or(digest, ""), there, err);
    if (e != 0 || str_equal(from.repository, r->repository)) {
        return e < 0 ? e : 0; /* the registry itself says what it lacks */
    }
    e = copy(r, h, from.repository, digest, err);
    return error_wrap(err, e, "'%s'", text);
}
