// SPDX-License-Identifier: Apache-2.0
/* Images and names entering the store: the last step of pull, load, import, bootstrap and of the
 * embedded image. Durable when these return. Side effects: files. One thread. */
#pragma once

#include "base/json.h"
#include "image/store/layer.h"

#define MEDIA_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define MEDIA_INDEX "application/vnd.oci.image.index.v1+json"
#define MEDIA_CONFIG "application/vnd.oci.image.config.v1+json"
#define MEDIA_DOCKER_MANIFEST "application/vnd.docker.distribution.manifest.v2+json"
#define MEDIA_DOCKER_LIST "application/vnd.docker.distribution.manifest.list.v2+json"

#define CONFIG_BYTES_MAX ((size_t)8 << 20)
#define MANIFEST_BYTES_MAX ((size_t)4 << 20) /* as the distribution specification asks at least */

struct image_draft {
    const char *config; /* the config blob's text: its digest is the image's ID */
    size_t config_len;
    const char *manifest; /* as it came; NULL: one is made, unless the image has one already */
    size_t manifest_len;
    const json_t *annotations; /* of a manifest that is made; or NULL */
    struct layer *layers;      /* base first, read and not yet committed */
    size_t layer_count;
    const struct reference *names; /* that it gets, taken from whichever had them */
    size_t name_count;
};

/* Commits the layers, gives the image its ID file and its names; between these two nobody can
 * remove it. The caller frees *ret_id ("sha256:…"). */
int image_add(struct store *s, const struct image_draft *d, char **ret_id,
              struct error **err) NODISCARD;

/* Lets the name lead to the image, taking it from whichever had it. ERROR_NOT_FOUND when the image
 * has been removed meanwhile. */
int name_set(struct store *s, const struct reference *r, const char *id,
             struct error **err) NODISCARD;
/* The same, and it stands for an index of which the image is one (image/name_index.h); `members` is
 * borrowed. What the index names is in the store. */
int name_set_index(struct store *s, const struct reference *r, const char *id, const char *digest,
                   json_t *members, struct error **err) NODISCARD;
/* 1: removed, 0: there was none. Folders left empty go too. The caller holds the lock of names. */
int name_remove(struct store *s, const struct reference *r, struct error **err) NODISCARD;

/* The image config of one made here: architecture and os of the host, `created` now (or the epoch's
 * second given), the diffIDs, one history entry. `config` is the object of Cmd, Env, …, and is
 * taken. */
json_t *image_config_new(json_t *config, const struct layer *layers, size_t count,
                         const char *created, const char *created_by, const char *comment);
