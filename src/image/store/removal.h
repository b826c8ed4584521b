// SPDX-License-Identifier: Apache-2.0
/* Taking an image away with all its names: what rmi and prune have in common. The caller holds the
 * lock of names (store.h) from removal_of() on. Side effects: files; says what went on standard
 * output. */
#pragma once

#include "image/store/store.h"

struct removal {
    const char *hex;           /* of the image's ID; borrowed */
    struct strv tags, digests; /* full references that lead to it */
    bool lower_case;           /* "untagged: …" as prune says it, not "Untagged: …" */
};

/* The image that a name, an ID or the first digits of one (8 at least) leads to, were it so damaged
 * that nothing of it can be read: 1, or 0 when there is none. */
int removal_find(struct store *s, const char *text, char ret_hex[DIGEST_HEX_DIGITS + 1]);

/* Reads the names that lead to the image. */
int removal_of(struct store *s, const char *hex, struct removal *ret, struct error **err) NODISCARD;
void removal_done(struct removal *r);
static inline void removal_cleanup(struct removal *r)
{
    removal_done(r);
}

/* Takes one name away. */
int removal_untag(struct store *s, const struct removal *r, const char *full,
                  struct error **err) NODISCARD;
/* Takes all names and the image away; what it alone needed goes with the next sweep. */
int removal_delete(struct store *s, const struct removal *r, struct error **err) NODISCARD;
