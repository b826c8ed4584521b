// SPDX-License-Identifier: Apache-2.0
/* pull: a reference's manifest, config and layers, from the first address that has them. What the
 * store has is not asked for again: where nothing is new, one HEAD tells it (current/main.c, where
 * that is a plain one). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "image/registry/complete.h"
#include "image/registry/pull_layers.h"
#include "image/registry/remote.h"
#include "image/registry/signature.h"
#include "image/store/limits.h"
#include "image/store/verbs.h"

struct pull_request {
    const struct verb_request *verb;
    struct store *store;
    struct reference reference;
    struct platform platform;
    struct unpack_limits limits;
    struct signature_policy policy;
    bool platform_asked; /* not only the host's */
    bool quiet, all_tags;
    char head[DIGEST_TEXT_BYTES]; /* of pull_known() */
};

struct pulled {
    char named[DIGEST_TEXT_BYTES]; /* what the reference leads to: an index or the manifest */
    struct remote_text text;       /* the manifest */
    json_t *json;
    struct manifest manifest;
    struct remote_text config;
    struct strv diff_ids;
};

static void pulled_done(struct pulled *p)
{
    remote_text_done(&p->text);
    remote_text_done(&p->config);
    json_decref(p->json);
    manifest_done(&p->manifest);
    strv_done(&p->diff_ids);
}

static int choose_in_index(const struct pull_request *q, struct registry *r, struct http *h,
                           struct pulled *p, struct error **err)
{
    CLEANUP(free) char *name = reference_familiar(&q->reference);
    struct content_descriptor chosen = {0};
    int e = index_choose(p->json, &q->platform, name, &chosen, err);
    json_decref(take_ptr(p->json));
    remote_text_done(&p->text);
    if (e >= 0) {
        e = remote_manifest(r, h, chosen.digest, chosen.size, &p->text, &p->json, err);
    }
    if (e >= 0 && manifest_is_index(p->json, p->text.media_type)) {
        e = error_set(err, ERROR_UNSUPPORTED, 0,
                      "the index '%s' leads to another index instead of an image", p->named);
    }
    content_descriptor_done(&chosen);
    return e;
}

/* The manifest of the platform, and what it was named by. */
static int find_manifest(const struct pull_request *q, struct registry *r, struct http *h,
                         struct pulled *p, struct error **err)
{
    const struct reference *ref = &q->reference;
    int e =
        remote_manifest(r, h, ref->digest ? ref->digest : ref->tag, -1, &p->text, &p->json, err);
    if (e >= 0) {
        memcpy(p->named, p->text.digest, DIGEST_TEXT_BYTES);
        e = manifest_is_index(p->json, p->text.media_type) ? choose_in_index(q, r, h, p, err) : 0;
    }
    return e < 0 ? e : manifest_parse(p->json, "the manifest", &p->manifest, err);
}

/* One that no index was asked for may be for any platform; it is taken as it is, as Docker does,
 * unless another one is wanted. */
static int check_platform(const struct pull_request *q, const struct pulled *p, struct error **err)
{
    CLEANUP(json) json_t *json = NULL;
    struct platform is = {0};
    const char *os = "", *architecture = "", *variant = "", *where = "the image's config";
    int e;
    if (!q->platform_asked || !str_equal(p->named, p->text.digest)) {
        return 0;
    }
    if ((e = json_parse(p->config.text, p->config.len, where, &json, err)) < 0 ||
        (e = json_get_str(json, "os", where, &os, err)) < 0 ||
        (e = json_get_str(json, "architecture", where, &architecture, err)) < 0 ||
        (e = json_get_str(json, "variant", where, &variant, err)) < 0 ||
        platform_equal(&q->platform, os, architecture, variant)) {
        return e < 0 ? e : 0;
    }
    snprintf(is.os, sizeof(is.os), "%s", os);
    snprintf(is.architecture, sizeof(is.architecture), "%s", architecture);
    snprintf(is.variant, sizeof(is.variant), "%s", variant);
    CLEANUP(free) char *wanted = platform_text(&q->platform);
    CLEANUP(free) char *found = platform_text(&is);
    return error_set(err, ERROR_NOT_FOUND, 0, "it is for platform '%s' alone, not for '%s'", found,
                     wanted);
}

/* The config, from the store when it is there. */
static int find_config(const struct pull_request *q, struct registry *r, struct http *h,
                       struct pulled *p, struct error **err)
{
    const struct content_descriptor *d = &p->manifest.config;
    p->config.text = blob_read(q->store, d->digest, CONFIG_BYTES_MAX, &p->config.len);
    if (p->config.text) {
        memcpy(p->config.digest, d->digest, DIGEST_TEXT_BYTES);
    } else {
        int e = remote_blob(r, h, d->digest, d->size, CONFIG_BYTES_MAX, &p->config, err);
        if (e < 0) {
            return error_wrap(err, e, "the image's config");
        }
    }
    int e = check_platform(q, p, err);
    return e < 0 ? e
                 : config_diff_ids(p->config.text, p->config.len, p->manifest.layer_count,
                                   &p->diff_ids, err);
}

/* An image is named by the tag that was asked for, and always by its digest. How many. */
static size_t names_of(const struct reference *ref, char *named, struct reference ret[2])
{
    ret[0] = reference_by_digest(ref, named);
    ret[1] = *ref;
    return ref->tag && !ref->digest ? 2 : 1;
}

/* Layers, ID and names, as far as they are not there. */
static int add_image(const struct pull_request *q, struct registry *r, struct pulled *p,
                     struct layer *layers, struct error **err)
{
    CLEANUP(free) char *id = NULL;
    struct reference named = reference_by_digest(&q->reference, p->named);
    bool newer = !name_leads_to(q->store, &q->reference, p->config.digest);
    int e = pull_layers(q->store, r, &p->manifest, &p->diff_ids, &q->limits, q->quiet, layers, err);
    bool all_there = e == 0 && !newer && name_leads_to(q->store, &named, p->config.digest) &&
                     blob_exists(q->store, p->text.digest, NULL);
    if (e >= 0 && !all_there) {
        struct reference names[2];
        struct image_draft d = {.config = p->config.text,
                                .config_len = p->config.len,
                                .manifest = p->text.text,
                                .manifest_len = p->text.len,
                                .layers = layers,
                                .layer_count = p->manifest.layer_count,
                                .names = names,
                                .name_count = names_of(&q->reference, p->named, names)};
        e = image_add(q->store, &d, &id, err);
    }
    if (e >= 0) {
        pull_tell_end(&q->reference, p->named, p->config.digest, newer, q->quiet);
    }
    return e;
}

static int pull_found(const struct pull_request *q, struct registry *r, struct http *h,
                      struct pulled *p, struct error **err)
{
    pull_tell_begin(&q->reference, q->quiet);
    int e = find_config(q, r, h, p, err);
    if (e < 0) {
        return e;
    }
    struct layer *layers = xcalloc(IMAGE_LAYERS_MAX, sizeof(*layers));
    e = add_image(q, r, p, layers, err);
    for (size_t i = 0; i < IMAGE_LAYERS_MAX; i++) {
        layer_done(&layers[i]);
    }
    free(layers);
    return e;
}

static int head_tag(void *context, struct registry *r, struct error **err)
{
    struct pull_request *q = context;
    CLEANUP(http) struct http *h = http_new(r->client);
    return remote_digest(r, h, q->reference.tag, q->head, err);
}

/* What is here is only asked whether it is still the newest: 1 when it is. No thread and no process
 * is left of that, so that the rest may start its own. */
static int pull_known(struct pull_request *q, struct error **err)
{
    CLEANUP(free) char *name = reference_full(&q->reference);
    CLEANUP(image) struct image *i = NULL;
    CLEANUP(complete) struct complete found = {0};
    const struct reference *ref = &q->reference;
    int e = image_resolve(q->verb->data_dir, name, &i, NULL) >= 0;
    if (e && !ref->digest) {
        e = registry_at_each(q->verb->config_path, ref->registry, ref->repository, REGISTRY_MIRRORS,
                             head_tag, q, err);
    }
    if (e > 0) {
        e = complete_find(q->store, ref, &q->platform, ref->digest ? ref->digest : q->head, &found);
    }
    if (e > 0) {
        complete_tell(ref, &found, q->quiet);
    }
    return e;
}

static int pull_one(const struct pull_request *q, struct registry *r, struct error **err)
{
    CLEANUP(http) struct http *h = http_new(r->client);
    struct pulled p = {0};
    int e = find_manifest(q, r, h, &p, err);
    if (e >= 0) {
        e = signature_check(&q->policy, r, h, &q->reference, p.named, p.text.digest, err);
    }
    if (e >= 0) {
        e = pull_found(q, r, h, &p, err);
    }
    pulled_done(&p);
    return e;
}

static int pull_tags(struct pull_request *q, struct registry *r, struct error **err)
{
    CLEANUP(strv) struct strv tags = {0};
    int e = registry_tags(r, &tags, err);
    for (size_t i = 0; i < tags.count && e >= 0; i++) {
        CLEANUP(free) char *tag = xstrdup(tags.items[i]);
        char *asked = q->reference.tag;
        q->reference.tag = tag;
        e = pull_one(q, r, err);
        q->reference.tag = asked;
    }
    return e;
}

static int pull_from(void *context, struct registry *r, struct error **err)
{
    struct pull_request *q = context;
    return q->all_tags ? pull_tags(q, r, err) : pull_one(q, r, err);
}

static int pull(struct pull_request *q, struct error **err)
{
    int r = store_open(q->verb->data_dir, q->store, err);
    if (r >= 0 && !q->all_tags && !q->policy.required) {
        r = pull_known(q, err);
        if (r > 0) {
            return 0;
        }
    }
    if (r < 0 || (r = store_start_unpacker(q->store, true, err)) < 0) {
        return r;
    }
    return registry_at_each(q->verb->config_path, q->reference.registry, q->reference.repository,
                            REGISTRY_MIRRORS, pull_from, q, err);
}

static int read_request(const struct verb_request *verb, struct pull_request *q, struct error **err)
{
    const char *name = "", *platform = NULL;
    bool verify = false;
    CLEANUP(strv) struct strv keys = {0};
    int r;
    if ((r = json_get_str(verb->json, "reference", "request", &name, err)) < 0 ||
        (r = json_get_bool(verb->json, "verify", "request", &verify, err)) < 0 ||
        (r = json_get_strv(verb->json, "keys", "request", &keys, err)) < 0 ||
        (r = json_get_str(verb->json, "platform", "request", &platform, err)) < 0 ||
        (r = json_get_bool(verb->json, "quiet", "request", &q->quiet, err)) < 0 ||
        (r = json_get_bool(verb->json, "allTags", "request", &q->all_tags, err)) < 0 ||
        (r = reference_parse(name, &q->reference, err)) < 0 ||
        (r = signature_policy_load(verb->config_path, &q->reference, verify, &keys, &q->policy,
                                   err)) < 0 ||
        (r = limits_load(verb->config_path, &q->limits, err)) < 0) {
        return r;
    }
    if (q->all_tags && (q->reference.digest || strrchr(name, ':') > strrchr(name, '/'))) {
        return error_set(err, ERROR_USAGE, 0, "--all-tags: a tag or digest is named in '%s'", name);
    }
    platform_host(&q->platform);
    q->platform_asked = platform != NULL;
    return platform ? platform_parse(platform, &q->platform, err) : 0;
}

int verb_pull(const struct verb_request *request, struct error **err)
{
    CLEANUP(store) struct store store = {.fd = -1, .lock = -1};
    struct pull_request q = {.verb = request, .store = &store};
    int r = read_request(request, &q, err);
    if (r >= 0) {
        CLEANUP(free) char *name = reference_familiar(&q.reference);
        r = pull(&q, err);
        r = r < 0 ? error_wrap(err, r, "pulling '%s'", name) : r;
    }
    signature_policy_done(&q.policy);
    reference_done(&q.reference);
    return r;
}
