// SPDX-License-Identifier: Apache-2.0
/* The digest of a large file, which the processors share: SHA-256 over its size and the SHA-256 of
 * each of its pieces. It depends on the content alone. Side effects: threads, none of which is
 * left.
 */
#pragma once

#include <stdint.h>

#include "build/stat_cache.h"

#define CONTENT_LARGE_BYTES ((int64_t)32 << 20)

/* `size`: of the file that `fd` is open on; what it has grown by meanwhile is left out. 0 or
 * -errno. */
int content_pieces_digest(int fd, int64_t size, unsigned char ret[CONTENT_DIGEST_BYTES]) NODISCARD;
