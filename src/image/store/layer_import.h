// SPDX-License-Identifier: Apache-2.0
/* A layer of another's build cache, on top of layers that the store has: read, checked, named.
 * Side effects: files. The store's unpacker runs (store_start_unpacker()). */
#pragma once

#include "base/json.h"
#include "image/store/layer.h"

struct layer_import {
    const char *config_path;    /* of the settings: limits */
    struct strv parents;        /* chainIDs, base first */
    const char *blob, *diff_id; /* expected */
    int64_t blob_size;          /* -1: any */
    char chain_id[DIGEST_TEXT_BYTES];
};
/* "parents", "blob", "blobSize"?, "diffID" of a request; texts are borrowed from it. The caller
 * ends `parents`. */
int layer_import_read(const json_t *request, struct layer_import *ret,
                      struct error **err) NODISCARD;
/* Sets chain_id. What the store has already is not read. */
int layer_import(struct store *s, struct layer_import *i, struct source *from, const char *name,
                 struct error **err) NODISCARD;
