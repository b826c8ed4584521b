// SPDX-License-Identifier: Apache-2.0
/* The pass over one layer: a stream read once, and on the way kept as a blob, hashed, decompressed,
 * hashed again and unpacked into a folder. What a stranger has written is understood here and in
 * unpack.h alone, so this runs in a confined process (unpacker.h); it opens nothing but what lies
 * below the folder. Side effects: files below the folder, the blob. One thread. */
#pragma once

#include "image/store/digest.h"
#include "image/store/source.h"
#include "image/store/unpack.h"

struct pass_request {
    /* A manifest names the blob: it is kept as it is. Else what is neither gzip nor zstd is kept as
     * gzip, which takes a third of the room, and which every other tool reads in every format. */
    bool keep_as_is;
    bool needs_end_marker; /* nothing else tells that it is whole: a tarball to import */
    char digest[DIGEST_TEXT_BYTES], diff_id[DIGEST_TEXT_BYTES]; /* expected, or "" */
    struct unpack_limits limits;
};

struct pass_result {
    char digest[DIGEST_TEXT_BYTES];    /* of the blob */
    char diff_id[DIGEST_TEXT_BYTES];   /* of the tar */
    int64_t blob_size, tar_size, size; /* of the blob; of the tar; of the files */
    enum layer_format { LAYER_TAR, LAYER_GZIP, LAYER_ZSTD } format; /* of the blob */
    struct strv implied, opaque;                                    /* see unpack.h */
};

/* `blob`: written to; -1: it is kept already. ERROR_CORRUPT for truncation and mismatches,
 * ERROR_INVALID_INPUT for what unpack.h refuses. *ret is to be ended in any case. */
int pass_run(const struct pass_request *request, struct source *source, int root, int blob,
             struct pass_result *ret, struct error **err) NODISCARD;
void pass_result_done(struct pass_result *r);
