// SPDX-License-Identifier: Apache-2.0
/* push: an image's layers, config and manifest to its registry, byte for byte as the store has
 * them: what was pulled keeps its digest. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "image/layout.h"
#include "image/name_index.h"
#include "image/registry/progress.h"
#include "image/registry/remote.h"
#include "image/registry/upload.h"
#include "image/store/deferred.h"
#include "image/store/parallel.h"
#include "image/store/verbs.h"

#define THREADS_MAX 4

static const struct progress_words words = {{[PROGRESS_WAITING] = "Waiting",
                                             [PROGRESS_MOVING] = "Pushing",
                                             [PROGRESS_VERIFYING] = "Preparing",
                                             [PROGRESS_UNPACKING] = "Waiting for the registry",
                                             [PROGRESS_DONE] = "Pushed",
                                             [PROGRESS_EXISTS] = "Layer already exists",
                                             [PROGRESS_MOUNTED] = "Mounted"},
                                            "Pushing layer"};

struct elsewhere { /* an image that the registry has under another name */
    char *repository;
    json_t *digests; /* of its layers: a set */
};

struct push_request {
    const struct verb_request *verb;
    struct store *store;
    struct reference reference;
    struct strv tags;     /* to be pushed */
    const char *platform; /* or NULL */
    bool quiet, all_tags;
    struct elsewhere *elsewhere;
    size_t elsewhere_count;
};

struct push { /* of one tag */
    const struct push_request *request;
    struct registry *registry;
    char *text; /* of the manifest */
    size_t len;
    char digest[DIGEST_TEXT_BYTES];
    char *media_type;
    struct manifest manifest;
    struct progress progress;
    struct first_failure failure;
};

struct one { /* what a thread works at */
    struct push *push;
    size_t index;
};

static int load_manifest(struct push *p, const char *digest, struct error **err)
{
    struct store *s = p->request->store;
    CLEANUP(free) char *path = layout_blob(digest);
    CLEANUP(json) json_t *json = NULL;
    const char *type = NULL;
    int r;
    if ((r = file_read(s->fd, path, MANIFEST_BYTES_MAX, &p->text, &p->len, err)) < 0 ||
        (r = json_parse(p->text, p->len, "the manifest", &json, err)) < 0 ||
        (r = json_get_str(json, "mediaType", "the manifest", &type, err)) < 0 ||
        (r = manifest_parse(json, "the manifest", &p->manifest, err)) < 0) {
        return r;
    }
    p->media_type = xstrdup(str_or(type, MEDIA_MANIFEST));
    memcpy(p->digest, digest, strlen(digest) + 1);
    return 0;
}

static void add_elsewhere(struct push_request *q, const struct image_entry *image,
                          const struct reference *other)
{
    CLEANUP(free) char *path = layout_blob(image->manifest_digest);
    CLEANUP(json) json_t *manifest = NULL;
    if (json_load_path(q->store->fd, path, MANIFEST_BYTES_MAX, &manifest, NULL) < 0) {
        return; /* then nothing is known of it */
    }
    json_t *digests = json_object(), *layer;
    size_t i;
    json_array_foreach(json_object_get(manifest, "layers"), i, layer)
    {
        const char *digest = json_string_value(json_object_get(layer, "digest"));
        if (digest) {
            json_object_set_new(digests, digest, json_true());
        }
    }
    q->elsewhere = xrealloc(q->elsewhere, (q->elsewhere_count + 1) * sizeof(*q->elsewhere));
    q->elsewhere[q->elsewhere_count++] = (struct elsewhere){xstrdup(other->repository), digests};
}

/* A name by digest says that the registry has it: it was pulled from there or pushed to it. */
static void note_image(struct push_request *q, const struct image_entry *image)
{
    for (size_t i = 0; i < image->digests.count; i++) {
        CLEANUP(reference) struct reference other = {0};
        if (reference_parse(image->digests.items[i], &other, NULL) >= 0 &&
            str_equal(other.registry, q->reference.registry) &&
            !str_equal(other.repository, q->reference.repository)) {
            add_elsewhere(q, image, &other);
        }
    }
    for (size_t i = 0; i < image->tags.count && q->all_tags; i++) {
        CLEANUP(reference) struct reference own = {0};
        if (reference_parse(image->tags.items[i], &own, NULL) >= 0 &&
            str_equal(own.registry, q->reference.registry) &&
            str_equal(own.repository, q->reference.repository)) {
            strv_add(&q->tags, own.tag);
        }
    }
}

/* What the store knows of the registry, and the tags to push. */
static int look_around(struct push_request *q, struct error **err)
{
    struct image_entry *list = NULL;
    size_t count = 0;
    int r = image_list(q->verb->data_dir, &list, &count, err);
    for (size_t i = 0; i < count; i++) {
        note_image(q, &list[i]);
    }
    image_list_free(list, count);
    if (r >= 0 && !q->all_tags) {
        strv_add(&q->tags, q->reference.tag);
    }
    if (r >= 0 && !q->tags.count) {
        CLEANUP(free) char *name = reference_familiar_name(&q->reference);
        r = error_set(err, ERROR_NOT_FOUND, 0, "no tag of '%s' is here", name);
    }
    return r;
}

static void show_bytes(void *context, int64_t sent)
{
    struct one *o = context;
    progress_bytes(&o->push->progress, o->index, sent);
}

static int push_blob(struct push *p, struct http *h, const char *digest, struct upload *u,
                     enum upload_result *ret, struct error **err)
{
    CLEANUP(strv) struct strv others = {0};
    CLEANUP(fd) int fd = blob_open(p->request->store, digest, err);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0) {
        return fd < 0 ? fd : error_set_errno(err, ERROR_KERNEL, errno, "reading '%s'", digest);
    }
    for (size_t i = 0; i < p->request->elsewhere_count; i++) {
        const struct elsewhere *e = &p->request->elsewhere[i];
        if (json_object_get(e->digests, digest) && !strv_contains(&others, e->repository)) {
            strv_add(&others, e->repository);
        }
    }
    u->digest = digest;
    u->fd = fd;
    u->size = st.st_size;
    u->others = &others;
    return upload_blob(p->registry, h, u, ret, err);
}

static int push_layer(struct push *p, size_t i, struct error **err)
{
    CLEANUP(http) struct http *h = http_new(p->registry->client);
    struct one o = {p, i};
    struct upload u = {.on_sent = show_bytes, .context = &o};
    enum upload_result result = UPLOAD_SENT;
    progress_set(&p->progress, i, PROGRESS_MOVING);
    const char *digest = p->manifest.layers[i].digest;
    int r = push_blob(p, h, digest, &u, &result, err);
    if (r < 0) {
        return error_wrap(err, r, "layer '%s'", digest);
    }
    progress_set(&p->progress, i,
                 result == UPLOAD_EXISTED   ? PROGRESS_EXISTS
                 : result == UPLOAD_MOUNTED ? PROGRESS_MOUNTED
                                            : PROGRESS_DONE);
    return 0;
}

static void work(void *context, size_t i)
{
    struct push *p = context;
    struct error *e = NULL;
    if (!atomic_load(&p->failure.failed) && push_layer(p, i, &e) < 0) {
        first_failure_note(&p->failure, e);
    }
}

static int push_layers(struct push *p, bool all_there, struct error **err)
{
    progress_init(&p->progress, &words, p->manifest.layer_count, p->request->quiet);
    for (size_t i = 0; i < p->manifest.layer_count; i++) {
        const struct content_descriptor *d = &p->manifest.layers[i];
        progress_layer(&p->progress, i, d->digest, d->size);
        if (all_there) {
            progress_set(&p->progress, i, PROGRESS_EXISTS);
        }
    }
    parallel_run(all_there ? 0 : p->manifest.layer_count, THREADS_MAX, work, p);
    progress_done(&p->progress);
    return p->failure.error ? error_move(err, &p->failure.error, -p->failure.error->code) : 0;
}

/* The name by digest says that the registry has it. */
static int tell(struct push *p, const char *tag, const char *id, struct error **err)
{
    const struct push_request *q = p->request;
    struct reference digest = {.registry = q->reference.registry,
                               .repository = q->reference.repository,
                               .digest = p->digest};
    struct reference name = {.registry = q->reference.registry,
                             .repository = q->reference.repository,
                             .tag = (char *)tag};
    if (q->quiet) {
        CLEANUP(free) char *full = reference_full(&name);
        printf("%s\n", full);
    } else {
        printf("%s: digest: %s size: %zu\n", tag, p->digest, p->len);
    }
    return name_set(q->store, &digest, id, err);
}

/* A registry that has the manifest has what it names. */
static int push_content(struct push *p, struct http *h, const char *tag, struct error **err)
{
    char there[DIGEST_TEXT_BYTES];
    struct upload config = {0};
    int r = remote_digest(p->registry, h, tag, there, err);
    bool all_there = r > 0 && str_equal(there, p->digest);
    if (r >= 0 && !p->request->quiet && !strchr(tag, ':')) {
        printf("The push refers to repository [%s/%s]\n", p->request->reference.registry,
               p->request->reference.repository);
        fflush(stdout);
    }
    r = r < 0 ? r : push_layers(p, all_there, err);
    if (r < 0 || all_there) {
        return r;
    }
    r = push_blob(p, h, p->manifest.config.digest, &config, NULL, err);
    return r < 0 ? error_wrap(err, r, "the image's config")
                 : remote_put_manifest(p->registry, h, tag, p->media_type, p->text, p->len, err);
}

static int push_image(struct push *p, const struct image *i, const char *tag, struct error **err)
{
    CLEANUP(http) struct http *h = http_new(p->registry->client);
    int r = load_manifest(p, i->manifest_digest, err);
    r = r < 0 ? r : push_content(p, h, tag, err);
    return r < 0 ? r : tell(p, tag, i->id, err);
}

/* What is no image: statements about one. */
static int push_attestation(struct push *p, struct http *h, const json_t *manifest,
                            struct error **err)
{
    json_t *layer;
    size_t i;
    const char *digest =
        json_string_value(json_object_get(json_object_get(manifest, "config"), "digest"));
    struct upload config = {0};
    int r = push_blob(p, h, str_or(digest, ""), &config, NULL, err);
    json_array_foreach(json_object_get(manifest, "layers"), i, layer)
    {
        struct upload u = {0};
        digest = json_string_value(json_object_get(layer, "digest"));
        r = r < 0 ? r : push_blob(p, h, str_or(digest, ""), &u, NULL, err);
    }
    return r;
}

/* A manifest of an index, under its digest. */
static int push_member(const struct push_request *q, struct registry *r, struct http *h,
                       const json_t *entry, struct error **err)
{
    struct push p = {.request = q, .registry = r, .failure = FIRST_FAILURE_INIT};
    CLEANUP(json) json_t *json = NULL;
    const char *digest = json_string_value(json_object_get(entry, "digest"));
    bool image = !json_object_get(entry, "annotations");
    CLEANUP(free) char *path = layout_blob(str_or(digest, "sha256:"));
    int e = file_read(q->store->fd, path, MANIFEST_BYTES_MAX, &p.text, &p.len, err);
    e = e < 0 ? e : json_parse(p.text, p.len, "the manifest", &json, err);
    const char *type = json_string_value(json_object_get(entry, "mediaType"));
    if (e >= 0 && image) {
        snprintf(p.digest, sizeof(p.digest), "%s", digest);
        p.media_type = xstrdup(str_or(type, MEDIA_MANIFEST));
        e = manifest_parse(json, "the manifest", &p.manifest, err);
        e = e < 0 ? e : push_content(&p, h, digest, err);
    } else if (e >= 0) {
        e = push_attestation(&p, h, json, err);
        e = e < 0 ? e : remote_put_manifest(r, h, digest, type, p.text, p.len, err);
    }
    manifest_done(&p.manifest);
    (void)pthread_mutex_destroy(&p.failure.lock);
    free(p.text);
    free(p.media_type);
    return e;
}

/* The whole index that the name stands for. */
static int push_index(const struct push_request *q, struct registry *r, const char *tag,
                      const struct name_index *x, struct error **err)
{
    CLEANUP(http) struct http *h = http_new(r->client);
    struct push p = {.request = q, .registry = r};
    CLEANUP(free) char *path = layout_blob(x->digest);
    CLEANUP(free) char *id = str_format("sha256:%s", x->image);
    CLEANUP(json) json_t *json = NULL;
    json_t *entry;
    size_t i;
    int e = file_read(q->store->fd, path, MANIFEST_BYTES_MAX, &p.text, &p.len, err);
    CLEANUP(free) char *text = p.text;
    e = e < 0 ? e : json_parse(p.text, p.len, "the index", &json, err);
    json_array_foreach(json_object_get(json, "manifests"), i, entry)
    {
        e = e < 0 ? e : push_member(q, r, h, entry, err);
    }
    e = e < 0 ? e : remote_put_manifest(r, h, tag, MEDIA_INDEX, p.text, p.len, err);
    snprintf(p.digest, sizeof(p.digest), "%s", x->digest);
    return e < 0 ? e : tell(&p, tag, id, err);
}

static int push_tag(const struct push_request *q, struct registry *r, const char *tag,
                    struct error **err)
{
    struct reference name = {.registry = q->reference.registry,
                             .repository = q->reference.repository,
                             .tag = (char *)tag};
    CLEANUP(free) char *full = reference_full(&name);
    CLEANUP(image) struct image *i = NULL;
    CLEANUP(name_index) struct name_index index = {0};
    if (!q->platform && name_index_read(q->store->fd, &name, &index) > 0) {
        return push_index(q, r, tag, &index, err);
    }
    struct push p = {.request = q, .registry = r, .failure = FIRST_FAILURE_INIT};
    int e = image_resolve_for(q->verb->data_dir, full, q->platform, &i, err);
    e = e < 0 ? e : push_image(&p, i, tag, err);
    manifest_done(&p.manifest);
    (void)pthread_mutex_destroy(&p.failure.lock);
    free(p.text);
    free(p.media_type);
    return e;
}

static int push_to(void *context, struct registry *r, struct error **err)
{
    const struct push_request *q = context;
    int e = 0;
    for (size_t i = 0; i < q->tags.count && e >= 0; i++) {
        e = push_tag(q, r, q->tags.items[i], err);
    }
    return e;
}

static int push(struct push_request *q, struct error **err)
{
    int r = store_open_to_read(q->verb->data_dir, q->store, err);
    r = r < 0 ? r : look_around(q, err);
    return r < 0 ? r
                 : registry_at_each(q->verb->config_path, q->reference.registry,
                                    q->reference.repository, 0, push_to, q, err);
}

static int read_request(const struct verb_request *verb, struct push_request *q, struct error **err)
{
    const char *name = "";
    int r;
    if ((r = json_get_str(verb->json, "reference", "request", &name, err)) < 0 ||
        (r = json_get_bool(verb->json, "quiet", "request", &q->quiet, err)) < 0 ||
        (r = json_get_bool(verb->json, "allTags", "request", &q->all_tags, err)) < 0 ||
        (r = json_get_str(verb->json, "platform", "request", &q->platform, err)) < 0 ||
        (r = reference_parse(name, &q->reference, err)) < 0) {
        return r;
    }
    if (q->reference.digest) {
        return error_set(err, ERROR_USAGE, 0, "'%s' has a digest: a push needs a tag", name);
    }
    if (q->all_tags && strrchr(name, ':') > strrchr(name, '/')) {
        return error_set(err, ERROR_USAGE, 0, "--all-tags: a tag is named in '%s'", name);
    }
    return 0;
}

int verb_push(const struct verb_request *request, struct error **err)
{
    CLEANUP(store) struct store store = {.fd = -1, .lock = -1};
    struct push_request q = {.verb = request, .store = &store};
    int r = read_request(request, &q, err);
    if (r >= 0) {
        CLEANUP(free)
        char *name =
            q.all_tags ? reference_familiar_name(&q.reference) : reference_familiar(&q.reference);
        r = push(&q, err);
        r = r < 0 ? error_wrap(err, r, "pushing '%s'", name) : r;
    }
    for (size_t i = 0; i < q.elsewhere_count; i++) {
        free(q.elsewhere[i].repository);
        json_decref(q.elsewhere[i].digests);
    }
    free(q.elsewhere);
    strv_done(&q.tags);
    reference_done(&q.reference);
    return r;
}
