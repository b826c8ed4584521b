// SPDX-License-Identifier: Apache-2.0
/* Blobs that are made when they are first asked for. A large layer that was built here and would
 * not become smaller by compression is in the store as its files alone: its blob is their archive,
 * plain, so its digest is the diffID and nothing is lost by writing it later, at the first save or
 * push. Until then deferred/<hex of the digest> is a symlink to the layer, "../layers/<hex of the
 * chainID>", and blob_exists() is true. The link stays afterwards: a blob that is lost is made
 * again. Side effects: files. Any thread. */
#pragma once

#include "image/store/layer.h"

/* The layer, which gets its name behind this, stands for its blob. */
int blob_defer(struct store *s, const struct layer *l, struct error **err) NODISCARD;
/* Opens a blob to read, and makes it first where it was deferred. -ENOENT when it is not here;
 * ERROR_CORRUPT when the layer's files are no longer what they were. Returns the fd. */
int blob_open(struct store *s, const char *digest, struct error **err) NODISCARD;
/* Whether a layer's files are all there is of it yet. */
bool blob_is_deferred(const struct store *s, const char *digest);
/* The digest of the archive of the layer's files, which of a deferred one is its blob's. */
int layer_digest(struct store *s, const char *chain_id, char ret[DIGEST_TEXT_BYTES],
                 struct error **err) NODISCARD;
