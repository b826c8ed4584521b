// SPDX-License-Identifier: Apache-2.0
/* pull: a reference's manifest, config and layers, from the first address that has them. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "image/registry/pull_layers.h"
#include "image/store/interrupt.h"
#include "image/store/limits.h"
#include "image/store/verbs.h"

#define ACCEPT                                                                                     \
    MEDIA_INDEX ", " MEDIA_MANIFEST ", " MEDIA_DOCKER_LIST ", " MEDIA_DOCKER_MANIFEST              \
                ", application/vnd.docker.distribution.manifest.v1+prettyjws;q=0.1"

struct pull_request {
    const struct verb_request *verb;
    struct store *store;
    struct reference reference;
    struct platform platform;
    struct unpack_limits limits;
    bool quiet, all_tags;
};

struct pulled_text { /* a manifest or a config as it came */
    char *text;
    size_t len;
    char *media_type;
    char digest[DIGEST_TEXT_BYTES];
};

static void pulled_text_done(struct pulled_text *t)
{
    free(t->text);
    free(t->media_type);
    *t = (struct pulled_text){0};
}

static int get_text(struct registry *r, struct http *h, const char *path, const char *accept,
                    const char *digest, size_t max, struct pulled_text *ret, struct error **err)
{
    CLEANUP(http_response) struct http_response answer = {0};
    int e = registry_get(r, h, path, accept, max, &answer, err);
    if (e < 0) {
        return e;
    }
    char found[DIGEST_TEXT_BYTES];
    digest_of(str_or(answer.body.data, ""), answer.body.len, found);
    const char *said = answer.content_digest;
    if (!digest && said && digest_is_valid(said)) {
        digest = said;
    }
    if (digest && !str_equal(digest, found)) {
        return error_set(err, ERROR_CORRUPT, 0, "digest mismatch: '%s' was asked for, '%s' came",
                         digest, found);
    }
    ret->len = answer.body.len;
    ret->text = strbuf_take(&answer.body);
    ret->media_type = take_ptr(answer.content_type);
    memcpy(ret->digest, found, sizeof(found));
    return 0;
}

static int get_manifest(struct registry *r, struct http *h, const char *which, const char *digest,
                        struct pulled_text *ret, json_t **ret_json, struct error **err)
{
    CLEANUP(free) char *path = str_format("manifests/%s", which);
    int e = get_text(r, h, path, ACCEPT, digest, MANIFEST_BYTES_MAX, ret, err);
    return e < 0 ? e : json_parse(ret->text, ret->len, "the manifest", ret_json, err);
}

/* The manifest of the platform; *ret_named gets the digest that the reference leads to. */
static int choose_manifest(const struct pull_request *q, struct registry *r, struct http *h,
                           struct pulled_text *ret, json_t **ret_json,
                           char ret_named[DIGEST_TEXT_BYTES], struct error **err)
{
    const struct reference *ref = &q->reference;
    CLEANUP(free) char *name = reference_familiar(ref);
    int e =
        get_manifest(r, h, ref->digest ? ref->digest : ref->tag, ref->digest, ret, ret_json, err);
    if (e < 0) {
        return e;
    }
    memcpy(ret_named, ret->digest, DIGEST_TEXT_BYTES);
    if (!manifest_is_index(*ret_json, ret->media_type)) {
        return 0;
    }
    struct content_descriptor chosen = {0};
    e = index_choose(*ret_json, &q->platform, name, &chosen, err);
    json_decref(take_ptr(*ret_json));
    pulled_text_done(ret);
    if (e >= 0) {
        e = get_manifest(r, h, chosen.digest, chosen.digest, ret, ret_json, err);
    }
    content_descriptor_done(&chosen);
    return e;
}

/* An image is named by the tag that was asked for, and always by its digest. How many. */
static size_t names_of(const struct reference *ref, const char *named, struct reference ret[2])
{
    ret[0] = (struct reference){
        .registry = ref->registry, .repository = ref->repository, .digest = (char *)named};
    ret[1] = *ref;
    return ref->tag && !ref->digest ? 2 : 1;
}

static void tell(const struct pull_request *q, const char *named, bool newer)
{
    CLEANUP(free) char *familiar = reference_familiar(&q->reference);
    CLEANUP(free) char *full = reference_full(&q->reference);
    if (!q->quiet) {
        printf("Digest: %s\n", named);
        printf(newer ? "Status: Downloaded newer image for %s\n"
                     : "Status: Image is up to date for %s\n",
               familiar);
    }
    printf("%s\n", full);
}

static bool is_present(const char *data_dir, const struct reference *r, const char *id)
{
    CLEANUP(free) char *name = reference_full(r);
    CLEANUP(image) struct image *i = NULL;
    return image_resolve(data_dir, name, &i, NULL) >= 0 && str_equal(i->id, id);
}

static int pull_content(const struct pull_request *q, struct registry *r, struct http *h,
                        const struct pulled_text *manifest, const json_t *json, const char *named,
                        struct error **err)
{
    CLEANUP(manifest) struct manifest m = {0};
    CLEANUP(strv) struct strv diff_ids = {0};
    CLEANUP(free) char *id = NULL;
    struct pulled_text config = {0};
    struct layer *layers = xcalloc(IMAGE_LAYERS_MAX, sizeof(*layers));
    int e = manifest_parse(json, "the manifest", &m, err);
    if (e >= 0) {
        CLEANUP(free) char *path = str_format("blobs/%s", m.config.digest);
        e = get_text(r, h, path, NULL, m.config.digest, CONFIG_BYTES_MAX, &config, err);
        e = e < 0 ? error_wrap(err, e, "the image's config") : e;
    }
    if (e >= 0) {
        e = config_diff_ids(config.text, config.len, m.layer_count, &diff_ids, err);
    }
    bool newer = e >= 0 && !is_present(q->verb->data_dir, &q->reference, config.digest);
    if (e >= 0) {
        e = pull_layers(q->store, r, &m, &diff_ids, &q->limits, q->quiet, layers, err);
    }
    if (e >= 0) {
        struct reference names[2];
        struct image_draft d = {.config = config.text,
                                .config_len = config.len,
                                .manifest = manifest->text,
                                .manifest_len = manifest->len,
                                .layers = layers,
                                .layer_count = m.layer_count,
                                .names = names,
                                .name_count = names_of(&q->reference, named, names)};
        e = image_add(q->store, &d, &id, err);
    }
    if (e >= 0) {
        tell(q, named, newer);
    }
    for (size_t i = 0; i < IMAGE_LAYERS_MAX; i++) {
        layer_done(&layers[i]);
    }
    free(layers);
    pulled_text_done(&config);
    return e;
}

static int pull_one(const struct pull_request *q, struct registry *r, struct error **err)
{
    CLEANUP(http) struct http *h = http_new(r->client);
    CLEANUP(json) json_t *json = NULL;
    struct pulled_text manifest = {0};
    char named[DIGEST_TEXT_BYTES];
    int e = choose_manifest(q, r, h, &manifest, &json, named, err);
    if (e >= 0) {
        if (!q->quiet) {
            const char *what = q->reference.digest ? q->reference.digest : q->reference.tag;
            printf("%s: Pulling from %s\n", what, q->reference.repository);
            fflush(stdout);
        }
        e = pull_content(q, r, h, &manifest, json, named, err);
    }
    pulled_text_done(&manifest);
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
    CLEANUP(store) struct store s = {.fd = -1, .lock = -1};
    int r = store_open(q->verb->data_dir, &s, err);
    if (r < 0) {
        return r;
    }
    q->store = &s;
    return registry_at_each(q->verb->config_path, q->reference.registry, q->reference.repository,
                            true, pull_from, q, err);
}

static int read_request(const struct verb_request *verb, struct pull_request *q, struct error **err)
{
    const char *name = "", *platform = NULL;
    int r;
    if ((r = json_get_str(verb->json, "reference", "request", &name, err)) < 0 ||
        (r = json_get_str(verb->json, "platform", "request", &platform, err)) < 0 ||
        (r = json_get_bool(verb->json, "quiet", "request", &q->quiet, err)) < 0 ||
        (r = json_get_bool(verb->json, "allTags", "request", &q->all_tags, err)) < 0 ||
        (r = reference_parse(name, &q->reference, err)) < 0 ||
        (r = limits_load(verb->config_path, &q->limits, err)) < 0) {
        return r;
    }
    if (q->all_tags && (q->reference.digest || strrchr(name, ':') > strrchr(name, '/'))) {
        return error_set(err, ERROR_USAGE, 0, "--all-tags: a tag or digest is named in '%s'", name);
    }
    platform_host(&q->platform);
    return platform ? platform_parse(platform, &q->platform, err) : 0;
}

int verb_pull(const struct verb_request *request, struct error **err)
{
    struct pull_request q = {.verb = request};
    int r = read_request(request, &q, err);
    if (r >= 0) {
        CLEANUP(free) char *name = reference_familiar(&q.reference);
        r = pull(&q, err);
        r = r < 0 ? error_wrap(err, r, "pulling '%s'", name) : r;
    }
    reference_done(&q.reference);
    return r;
}
