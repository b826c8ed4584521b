// SPDX-License-Identifier: Apache-2.0
/* Manifests and indexes, OCI's (image-spec manifest.md, image-index.md) and Docker's schema 2, from
 * strangers: what is kept of them is checked. Pure. */
#pragma once

#include "base/json.h"
#include "image/image.h"
#include "image/platform.h"
#include "image/store/add.h"

/* What is asked for where a manifest is: those that this module reads, and Docker's old schema 1,
 * for the better error. */
#define MANIFEST_ACCEPT                                                                            \
    MEDIA_INDEX ", " MEDIA_MANIFEST ", " MEDIA_DOCKER_LIST ", " MEDIA_DOCKER_MANIFEST              \
                ", application/vnd.docker.distribution.manifest.v1+prettyjws;q=0.1"

struct content_descriptor {
    char *media_type; /* "" when it says none */
    char *digest;     /* valid */
    int64_t size;
};

struct manifest {
    struct content_descriptor config;
    struct content_descriptor layers[IMAGE_LAYERS_MAX]; /* base first */
    size_t layer_count;
};
/* ERROR_UNSUPPORTED for what is not an image (an artefact: a chart, a signature), for Docker's old
 * schema 1 and for layers of an unknown kind; ERROR_INVALID_INPUT for what is malformed. */
int manifest_parse(const json_t *json, const char *where, struct manifest *ret,
                   struct error **err) NODISCARD;
void manifest_done(struct manifest *m);
static inline void manifest_cleanup(struct manifest *m)
{
    manifest_done(m);
}

/* Whether it is a list of manifests, by its media type or its members. */
bool manifest_is_index(const json_t *json, const char *media_type);

/* The manifest in an index for a platform; ERROR_NOT_FOUND names the platforms that there are. */
int index_choose(const json_t *index, const struct platform *wanted, const char *where,
                 struct content_descriptor *ret, struct error **err) NODISCARD;
void content_descriptor_done(struct content_descriptor *d);

int content_descriptor_parse(const json_t *json, const char *where, struct content_descriptor *ret,
                             struct error **err) NODISCARD;

/* The diffIDs of an image config, as many as the manifest has layers. ERROR_INVALID_INPUT else, or
 * when it is no image's. */
int config_diff_ids(const char *text, size_t len, size_t layer_count, struct strv *ret,
                    struct error **err) NODISCARD;
