// SPDX-License-Identifier: Apache-2.0
/* What is inside a compressed stream, as a source: gzip (RFC 1952, members one after the other),
 * zstd (RFC 8878), and for tarballs that users bring xz and bzip2; else the bytes as they are. Told
 * by the first bytes, not by a media type, which is often wrong. Memory: about 512 KiB. */
#pragma once

#include <stdbool.h>

#include "base/str.h"
#include "image/store/source.h"

enum compression { COMPRESSION_NONE, COMPRESSION_GZIP, COMPRESSION_ZSTD, COMPRESSION_OTHER };

struct inflate {
    struct source base; /* the plain bytes */
    struct source *from;
    enum compression kind;
    const unsigned char *in; /* what has been read and not yet taken */
    size_t in_len;
    struct strbuf first; /* the first pieces together, where each told too little */
    char *out;
    bool begun; /* inside a member or frame */
    bool ended; /* behind the last one: what follows belongs to no stream */
    struct inflate_state *gzip;
    struct ZSTD_DCtx_s *zstd;
    struct archive *other;
    struct error *error; /* why `from` failed, while libarchive is between */
};

/* Reads the first bytes. ERROR_CORRUPT when there are none. `from` is borrowed. */
int inflate_init(struct inflate *i, struct source *from, struct error **err) NODISCARD;
/* Reads `from` to its end, behind the compressed stream: padding belongs to a digest too. */
int inflate_rest(struct inflate *i, struct error **err) NODISCARD;
void inflate_done(struct inflate *i);
