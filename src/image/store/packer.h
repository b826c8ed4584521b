// SPDX-License-Identifier: Apache-2.0
/* A tar archive on its way into a blob: hashed (the diffID), compressed to gzip, hashed again and
 * written, in pieces that the processors share. The pieces are compressed each for itself, and what
 * does not become smaller is stored as it is, so the blob depends on the archive alone.
 * Side effects: a file in the store's temporary folder; threads, none of which is left. */
#pragma once

#include "image/store/layer.h"

struct packer;
/* `deferred`: the archive is the blob, and is only hashed (store/deferred.h). */
int packer_begin(struct store *s, bool deferred, struct packer **ret, struct error **err) NODISCARD;
int packer_put(struct packer *p, const void *bytes, size_t len, struct error **err) NODISCARD;
/* Sets diff_id, digest, blob_size, tar_size, media_type, and tmp_blob or deferred. */
int packer_end(struct packer *p, struct layer *ret, struct error **err) NODISCARD;
/* Also of one that was not ended. */
void packer_free(struct packer *p);

/* By how many bytes a sample, of at most so many, becomes smaller. */
#define PACKER_SAMPLE_BYTES ((size_t)8 << 10)
size_t packer_gain(const void *bytes, size_t len);
DEFINE_CLEANUP(packer, struct packer *, packer_free)
