// SPDX-License-Identifier: Apache-2.0
/* SHA-256 digests as the image specification writes them (descriptor.md "Digests"), by libcrypto.
 * No side effects but memory; an object belongs to one thread at a time. */
#pragma once

#include <stddef.h>

#include "base/error.h"
#include "base/macros.h"

#define DIGEST_TEXT_BYTES 72 /* "sha256:", 64 digits, NUL */

struct digest;
struct digest *digest_new(void);
void digest_add(struct digest *d, const void *bytes, size_t len);
/* The digest of all that was added; nothing can be added behind. */
void digest_end(struct digest *d, char ret_text[DIGEST_TEXT_BYTES]);
void digest_free(struct digest *d);
DEFINE_CLEANUP(digest, struct digest *, digest_free)

void digest_of(const void *bytes, size_t len, char ret_text[DIGEST_TEXT_BYTES]);

/* The chainID of a layer (config.md "Layer ChainID"); `parent` is the chainID below, or NULL. */
void digest_chain(const char *parent, const char *diff_id, char ret_text[DIGEST_TEXT_BYTES]);

/* The words for a digest that is not the expected one: ERROR_CORRUPT. */
int digest_mismatch(const char *expected, const char *found, struct error **err);
