// SPDX-License-Identifier: Apache-2.0
/* An image index of images in the store, made here (image-spec image-index.md): one image for each
 * platform, and behind each what is stated about it, as BuildKit attaches it: a manifest for the
 * platform unknown/unknown whose layers are in-toto statements (attestation/v0.1). Side effects:
 * files. */
#pragma once

#include "image/store/add.h"

/* `images`: [{"id", "platform", "statements": [{"type", "predicate"}]}]. Each name leads to the one
 * for this host, or to the first, and stands for the index; without names the index stays until
 * the next sweep. */
int index_make(struct store *s, const json_t *images, const struct reference *names, size_t count,
               char ret_digest[DIGEST_TEXT_BYTES], struct error **err) NODISCARD;
