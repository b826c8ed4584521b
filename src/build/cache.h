// SPDX-License-Identifier: Apache-2.0
/* The build cache: what a step made, by what it was made of. A record is a small file
 *     <data_dir>/build/cache/<hex of the key>
 *         {"chain", "parent", "diffID", "blob", "blobSize", "tarSize", "size", "mediaType",
 *          "created", "text"}
 * that names a layer of the image store (the sweep of the store keeps what records name), or none
 * ("chain" equal to "parent") for a step that changed nothing. Its time of change is when it was
 * last used. A key is a digest over the layer below, the step's definition, and the content and
 * modes (never times) of the files that it reads: so a hit is by content.
 * Side effects: these files. A record is written whole and renamed. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "image/store/digest.h"

struct layer_record {
    char chain_id[DIGEST_TEXT_BYTES], parent[DIGEST_TEXT_BYTES]; /* parent "" at the bottom */
    char diff_id[DIGEST_TEXT_BYTES], blob[DIGEST_TEXT_BYTES];
    int64_t blob_size, tar_size, size;
    char media_type[64];
    char created[40];
    bool squashed; /* of this build: what it made is in the layer of --squash */
    bool kept;     /* of this build: it has its name in the store */
};

/* 1: found, its layer is in the store; 0: not. Notes the use. */
int cache_find(const char *data_dir, const char *key, struct layer_record *ret);
int cache_put(const char *data_dir, const char *key, const struct layer_record *r, const char *text,
              struct error **err) NODISCARD;

json_t *layer_record_to_json(const struct layer_record *r);
bool layer_record_from_json(const json_t *json, struct layer_record *ret);

/* The digest of a JSON value as compact text with sorted keys. */
void cache_key(const json_t *value, char ret[DIGEST_TEXT_BYTES]);
