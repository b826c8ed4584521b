// SPDX-License-Identifier: Apache-2.0
/* The image index that a name stands for (image-spec image-index.md), where it is of more than one
 * image: of several platforms, or with attestations beside it. The name itself leads to one image,
 * as every name does; beside it there is
 *     names/<registry>/<repository…>/.index:<tag>
 *         {"index": digest, "image": hex, "members": {"linux/arm64": hex, …}}
 * which holds as long as the name leads to "image": a name that is given anew loses it. Reads. */
#pragma once

#include "base/json.h"
#include "image/platform.h"
#include "image/reference.h"

struct name_index {
    char *digest;    /* of the index, a blob of the store */
    char *image;     /* hex digits of the ID of the image that the name leads to */
    json_t *members; /* hex digits of image IDs by platform */
};
/* 1: the name stands for an index, 0: not. */
int name_index_read(int store_fd, const struct reference *name, struct name_index *ret);
void name_index_done(struct name_index *x);
static inline void name_index_cleanup(struct name_index *x)
{
    name_index_done(x);
}
/* The hex digits of the member for a platform, borrowed; NULL: none. */
const char *name_index_member(const struct name_index *x, const struct platform *wanted);

/* Its file, relative to the store; NULL for a name by digest. The caller frees. */
char *name_index_path(const struct reference *name);
/* Calls for each; stops at the first result other than 0. */
int name_index_each(int store_fd, int (*visit)(void *context, const struct name_index *x),
                    void *context, struct error **err) NODISCARD;
/* A set, {"<hex>": true}, of the images that indexes name. A new reference. */
int name_index_members(int store_fd, json_t **ret, struct error **err) NODISCARD;
