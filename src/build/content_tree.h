// SPDX-License-Identifier: Apache-2.0
/* Digests of what a context holds, for content.h: of a file, known by its stat() or read; of a
 * folder, over the sorted names, heads and digests of its entries, so that each folder can be
 * looked at by whichever thread is free. Side effects: reads; threads, none of which is left. */
#pragma once

#include "build/content.h"
#include "build/stat_cache.h"

/* What counts of an entry beside its name and content. */
struct content_head {
    uint32_t mode, uid, gid, unused;
    uint64_t size, device;
};
void content_head_of(const struct content_request *q, const struct stat *st,
                     struct content_head *ret);

/* `fd`: opened with O_PATH on a regular file; `seen`: what stat() says of it. */
int content_file_digest(const struct content_request *q, int fd, const char *path,
                        const struct stat *seen, unsigned char ret[CONTENT_DIGEST_BYTES],
                        struct error **err) NODISCARD;
/* All that is in the folder; `top` is led to inside the root, no link below is followed. */
int content_tree_digest(const struct content_request *q, const char *top,
                        unsigned char ret[CONTENT_DIGEST_BYTES], struct error **err) NODISCARD;
