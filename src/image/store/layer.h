// SPDX-License-Identifier: Apache-2.0
/* Layers on their way into the store: read once, and in that pass (pass.h, in a confined process)
 * hashed, decompressed, hashed again and unpacked, the blob kept beside; then put together in order
 * and given their names.
 *
 *     store_start_unpacker() before there are threads;
 *     layer_read() for each layer, in any order, in several threads at once;
 *     layers_commit() once: chainIDs, attributes of implied folders, durability, names.
 * What is not committed goes with the store's temporary folder. */
#pragma once

#include "image/store/source.h"
#include "image/store/store.h"
#include "image/store/unpack.h"

#define MEDIA_LAYER_TAR "application/vnd.oci.image.layer.v1.tar"
#define MEDIA_LAYER_GZIP "application/vnd.oci.image.layer.v1.tar+gzip"
#define MEDIA_LAYER_ZSTD "application/vnd.oci.image.layer.v1.tar+zstd"

struct layer_input {
    struct source *source;
    const char *name; /* for messages: "layer sha256:…" */
    /* A manifest names the blob: it is kept as it is. Else what is neither gzip nor zstd is kept as
     * gzip. */
    bool keep_as_is;
    const char *digest, *diff_id; /* expected, or NULL */
    bool blob_is_stored;          /* it comes from the store: checked, not written again */
    bool needs_end_marker;        /* nothing else tells that it is whole: a tarball to import */
    struct unpack_limits limits;
};

struct layer {
    char digest[DIGEST_TEXT_BYTES];    /* of the blob */
    char diff_id[DIGEST_TEXT_BYTES];   /* of the tar */
    char chain_id[DIGEST_TEXT_BYTES];  /* set by layers_commit() */
    int64_t blob_size, tar_size, size; /* of the blob; of the tar; of the files */
    const char *media_type;            /* as found; static */
    char *tmp;                         /* the unpacked folder in tmp/; NULL: unpacked before */
    char *tmp_blob;                    /* the blob in tmp/; NULL: it has its name */
    bool deferred;                     /* or is made when it is asked for: store/deferred.h */
    struct strv implied;
};

/* ERROR_CORRUPT for truncation and mismatches, ERROR_INVALID_INPUT for what unpack.h refuses. */
int layer_read(struct store *s, const struct layer_input *in, struct layer *ret,
               struct error **err) NODISCARD;
void layer_done(struct layer *l);

/* Whether the layer of this chainID is unpacked in the store; if so, *ret is what its layer.json
 * says (tmp NULL): the blob named there may have gone meanwhile. */
bool layer_find(const struct store *s, const char *chain_id, struct layer *ret);

/* The layer whose files stand for the blob that is made when it is asked for (store/deferred.h). */
bool layer_of_deferred(const struct store *s, const char *digest, struct layer *ret);

/* Base first. Layers whose `tmp` is NULL must exist under their chainID. */
int layers_commit(struct store *s, struct layer *layers, size_t count,
                  struct error **err) NODISCARD;
