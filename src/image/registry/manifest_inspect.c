// SPDX-License-Identifier: Apache-2.0
/* manifest inspect: a list that is being put together here, else what a registry has. */
#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "image/registry/manifest_member.h"
#include "image/registry/remote.h"
#include "image/store/verbs.h"

struct inspection {
    const struct verb_request *verb;
    struct reference name;
    unsigned flags;
    bool verbose;  /* of each manifest: whence, its descriptor, its bytes and its content */
    json_t *found; /* to be printed */
};

static char *base64_of(const char *text, size_t len)
{
    char *out = xmalloc(len / 3 * 4 + 5);
    (void)EVP_EncodeBlock((unsigned char *)out, (const unsigned char *)text, (int)len);
    return out;
}

/* Docker's object of a manifest; `descriptor` is taken. */
static json_t *describe(const char *name, json_t *descriptor, const struct remote_text *text,
                        json_t *manifest)
{
    CLEANUP(free) char *raw = base64_of(text->text, text->len);
    const char *type = json_string_value(json_object_get(descriptor, "mediaType"));
    const char *key = str_equal(type, MEDIA_DOCKER_MANIFEST) ? "SchemaV2Manifest" : "OCIManifest";
    return json_pack("{s:s, s:o, s:s, s:O}", "Ref", name, "Descriptor", descriptor, "Raw", raw, key,
                     manifest);
}

/* One of an index, whose entry is its descriptor. */
static int describe_member(struct registry *r, struct http *h, const char *name,
                           const json_t *entry, json_t *list, struct error **err)
{
    CLEANUP(remote_text) struct remote_text text = {0};
    CLEANUP(json) json_t *json = NULL;
    struct content_descriptor d = {0};
    int e = content_descriptor_parse(entry, "the index", &d, err);
    e = e < 0 ? e : remote_manifest(r, h, d.digest, d.size, &text, &json, err);
    content_descriptor_done(&d);
    if (e < 0) {
        return e;
    }
    json_t *descriptor = json_copy((json_t *)entry);
    json_object_del(descriptor, "reference");
    CLEANUP(free)
    char *full = strchr(name, '@') ? xstrdup(name) : str_format("%s@%s", name, text.digest);
    json_array_append_new(list, describe(full, descriptor, &text, json));
    return 0;
}

/* As Docker's: an array for an index, one object for a manifest. */
static int describe_all(struct registry *r, struct http *h, const struct remote_text *text,
                        json_t *json, struct inspection *q, struct error **err)
{
    CLEANUP(free) char *name = reference_full(&q->name);
    json_t *descriptor = NULL, *entry;
    size_t i;
    if (!manifest_is_index(json, text->media_type)) {
        int e = manifest_member_describe(r, h, json, text, &descriptor, err);
        q->found = e < 0 ? NULL : describe(name, descriptor, text, json);
        return e;
    }
    CLEANUP(json) json_t *list = json_array();
    json_array_foreach(json_object_get(json, "manifests"), i, entry)
    {
        int e = describe_member(r, h, name, entry, list, err);
        if (e < 0) {
            return e;
        }
    }
    q->found = take_ptr(list);
    return 0;
}

static int inspect_remote(void *context, struct registry *r, struct error **err)
{
    struct inspection *q = context;
    CLEANUP(http) struct http *h = http_new(r->client);
    CLEANUP(remote_text) struct remote_text text = {0};
    CLEANUP(json) json_t *json = NULL;
    const struct reference *name = &q->name;
    int e = remote_manifest(r, h, name->digest ? name->digest : name->tag, -1, &text, &json, err);
    if (e >= 0 && q->verbose) {
        return describe_all(r, h, &text, json, q, err);
    }
    q->found = e < 0 ? NULL : take_ptr(json);
    return e;
}

struct member_inspection {
    const char *name;
    const json_t *entry;
    json_t *list;
};

static int inspect_member(void *context, struct registry *r, struct error **err)
{
    struct member_inspection *m = context;
    CLEANUP(http) struct http *h = http_new(r->client);
    return describe_member(r, h, m->name, m->entry, m->list, err);
}

/* The members of a list of ours, each where it was found. */
static int inspect_members(const struct inspection *q, const struct manifest_list *l, json_t *list,
                           struct error **err)
{
    json_t *entry;
    size_t i;
    json_array_foreach(json_object_get(l->json, "manifests"), i, entry)
    {
        const char *name = str_or(json_string_value(json_object_get(entry, "reference")), "");
        struct member_inspection m = {name, entry, list};
        CLEANUP(reference) struct reference ref = {0};
        int r = reference_parse(name, &ref, err);
        if (r >= 0) {
            r = registry_at_each(q->verb->config_path, ref.registry, ref.repository, q->flags,
                                 inspect_member, &m, err);
        }
        if (r < 0) {
            return error_wrap(err, r, "the manifest of '%s'", name);
        }
    }
    return 0;
}

/* A list of ours, for whoever may see it: 1 when there was one. */
static int inspect_local(struct inspection *q, struct error **err)
{
    CLEANUP(manifest_list) struct manifest_list l = {.lock = -1};
    const char *type = NULL;
    if (manifest_list_open(q->verb->data_dir, &q->name, &l, NULL) < 0 || !l.json) {
        return 0;
    }
    if (!q->verbose) {
        q->found = manifest_list_index(&l, &type);
        return 1;
    }
    q->found = json_array();
    int r = inspect_members(q, &l, q->found, err);
    return r < 0 ? r : 1;
}

static int inspect(struct inspection *q, struct error **err)
{
    int r = inspect_local(q, err);
    if (r == 0) {
        CLEANUP(free) char *familiar = reference_familiar(&q->name);
        r = registry_at_each(q->verb->config_path, q->name.registry, q->name.repository,
                             q->flags | REGISTRY_MIRRORS, inspect_remote, q, err);
        r = r < 0 ? error_wrap(err, r, "the manifest of '%s'", familiar) : r;
    }
    CLEANUP(free) char *text = r < 0 ? NULL : json_dumps(q->found, JSON_INDENT(2));
    if (r >= 0 && !text) {
        r = error_set(err, ERROR_INTERNAL, 0, "the manifest cannot be printed");
    }
    return r < 0 ? r : printf("%s\n", text) < 0 ? -EIO : 0;
}

int verb_manifest_inspect(const struct verb_request *request, struct error **err)
{
    struct inspection q = {.verb = request};
    const char *name = "";
    bool insecure = false;
    int r;
    if ((r = json_get_str(request->json, "list", "request", &name, err)) >= 0 &&
        (r = json_get_bool(request->json, "verbose", "request", &q.verbose, err)) >= 0 &&
        (r = json_get_bool(request->json, "insecure", "request", &insecure, err)) >= 0 &&
        (r = reference_parse(name, &q.name, err)) >= 0) {
        q.flags = insecure ? REGISTRY_INSECURE : 0;
        r = inspect(&q, err);
    }
    json_decref(q.found);
    reference_done(&q.name);
    return r;
}
