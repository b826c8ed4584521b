// SPDX-License-Identifier: Apache-2.0
/* An image that a pull need not fetch: whether all that a digest leads to is in the store, and how
 * that is told. Needs no network and no thread. Side effects: prints. */
#pragma once

#include "image/platform.h"
#include "image/store/manifest.h"
#include "image/store/store.h"

struct complete {
    char named[DIGEST_TEXT_BYTES]; /* what the reference leads to: an index or the manifest */
    char id[DIGEST_TEXT_BYTES];    /* of the image */
    struct manifest manifest;
};

/* Whether manifest, config and layers of what was pulled as `named` are here, for this platform and
 * under both names, the digest and `ref`. */
bool complete_find(const struct store *s, const struct reference *ref,
                   const struct platform *platform, const char *named, struct complete *ret);
void complete_done(struct complete *c);
static inline void complete_cleanup(struct complete *c)
{
    complete_done(c);
}

/* The lines of a pull to which nothing was new; `quiet`: the ID alone. */
void complete_tell(const struct reference *ref, const struct complete *c, bool quiet);

/* Parts of it, which the other pulls tell too. */
void pull_tell_begin(const struct reference *ref, bool quiet);
void pull_tell_end(const struct reference *ref, const char *named, const char *id, bool newer,
                   bool quiet);

/* Whether the layer is unpacked under its chainID and has the very blob: then it needs no reading.
 * Moves `chain` on to the layer's. */
bool layer_is_present(const struct store *s, const struct content_descriptor *d,
                      const char *diff_id, char chain[DIGEST_TEXT_BYTES], struct layer *ret);
/* Whether a name in the store leads to this image. */
bool name_leads_to(const struct store *s, const struct reference *ref, const char *id);
struct reference reference_by_digest(const struct reference *ref, char *digest);

extern const struct progress_words pull_words;
