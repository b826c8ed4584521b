// SPDX-License-Identifier: Apache-2.0
#include "image/registry/complete.h"

#include <stdio.h>
#include <string.h>

#include "image/registry/progress.h"

const struct progress_words pull_words = {{[PROGRESS_WAITING] = "Waiting",
                                           [PROGRESS_MOVING] = "Downloading",
                                           [PROGRESS_VERIFYING] = "Verifying",
                                           [PROGRESS_UNPACKING] = "Unpacking",
                                           [PROGRESS_DONE] = "Pull complete",
                                           [PROGRESS_EXISTS] = "Already exists"},
                                          "Pulling fs layer"};

/* The image that a name in the store leads to; NULL: none. The caller frees it. */
static struct image *image_named(const struct store *s, const struct reference *ref)
{
    CLEANUP(free) char *name = reference_full(ref);
    struct image *i = NULL;
    return image_resolve(s->data_dir, name, &i, NULL) >= 0 ? i : NULL;
}

struct reference reference_by_digest(const struct reference *ref, char *digest)
{
    return (struct reference){
        .registry = ref->registry, .repository = ref->repository, .digest = digest};
}

bool name_leads_to(const struct store *s, const struct reference *ref, const char *id)
{
    CLEANUP(image) struct image *i = image_named(s, ref);
    return i && str_equal(i->id, id);
}

bool layer_is_present(const struct store *s, const struct content_descriptor *d,
                      const char *diff_id, char chain[DIGEST_TEXT_BYTES], struct layer *ret)
{
    char above[DIGEST_TEXT_BYTES];
    int64_t size = 0;
    digest_chain(*chain ? chain : NULL, diff_id, above);
    memcpy(chain, above, sizeof(above));
    if (!layer_find(s, chain, ret) || !blob_exists(s, d->digest, &size) || size != d->size) {
        return false;
    }
    memcpy(ret->digest, d->digest, DIGEST_TEXT_BYTES);
    ret->blob_size = d->size;
    return true;
}

static bool layers_are_present(const struct store *s, const struct manifest *m,
                               const struct strv *diff_ids)
{
    char chain[DIGEST_TEXT_BYTES] = "";
    bool present = true;
    for (size_t i = 0; i < m->layer_count && present; i++) {
        struct layer there;
        present = layer_is_present(s, &m->layers[i], diff_ids->items[i], chain, &there);
    }
    return present;
}

/* The manifest of an image that is for the platform. */
static bool find_manifest(const struct store *s, const struct image *i,
                          const struct platform *platform, struct manifest *ret)
{
    size_t len = 0;
    CLEANUP(json) json_t *json = NULL;
    CLEANUP(free)
    char *text = platform_fits(platform, &i->config)
                     ? blob_read(s, i->manifest_digest, MANIFEST_BYTES_MAX, &len)
                     : NULL;
    return text && json_parse(text, len, "the manifest", &json, NULL) >= 0 &&
           manifest_parse(json, "the manifest", ret, NULL) >= 0;
}

static bool parts_are_present(const struct store *s, const struct manifest *m)
{
    size_t len = 0;
    CLEANUP(strv) struct strv diff_ids = {0};
    CLEANUP(free) char *config = blob_read(s, m->config.digest, CONFIG_BYTES_MAX, &len);
    return config && config_diff_ids(config, len, m->layer_count, &diff_ids, NULL) >= 0 &&
           layers_are_present(s, m, &diff_ids);
}

bool complete_find(const struct store *s, const struct reference *ref,
                   const struct platform *platform, const char *named, struct complete *ret)
{
    *ret = (struct complete){0};
    snprintf(ret->named, sizeof(ret->named), "%s", named);
    struct reference by_digest = reference_by_digest(ref, ret->named);
    CLEANUP(image) struct image *i = image_named(s, &by_digest);
    if (!i || !find_manifest(s, i, platform, &ret->manifest)) {
        return false;
    }
    snprintf(ret->id, sizeof(ret->id), "%s", ret->manifest.config.digest);
    return str_equal(i->id, ret->id) && name_leads_to(s, ref, ret->id) &&
           parts_are_present(s, &ret->manifest);
}

void complete_done(struct complete *c)
{
    manifest_done(&c->manifest);
}

void pull_tell_begin(const struct reference *ref, bool quiet)
{
    if (!quiet) {
        printf("%s: Pulling from %s\n", ref->digest ? ref->digest : ref->tag, ref->repository);
        fflush(stdout);
    }
}

void pull_tell_end(const struct reference *ref, const char *named, const char *id, bool newer,
                   bool quiet)
{
    CLEANUP(free) char *familiar = reference_familiar(ref);
    CLEANUP(free) char *full = reference_full(ref);
    if (quiet) {
        printf("%s\n", id);
        return;
    }
    printf("Digest: %s\n", named);
    printf(newer ? "Status: Downloaded newer image for %s\n"
                 : "Status: Image is up to date for %s\n",
           familiar);
    printf("%s\n", full);
}

void complete_tell(const struct reference *ref, const struct complete *c, bool quiet)
{
    const struct manifest *m = &c->manifest;
    struct progress p;
    pull_tell_begin(ref, quiet);
    progress_init(&p, &pull_words, m->layer_count, quiet);
    for (size_t i = 0; i < m->layer_count; i++) {
        progress_layer(&p, i, m->layers[i].digest, m->layers[i].size);
        progress_set(&p, i, PROGRESS_EXISTS);
    }
    progress_done(&p);
    pull_tell_end(ref, c->named, c->id, false, quiet);
}
