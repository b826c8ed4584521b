// SPDX-License-Identifier: Apache-2.0
/* What images take on the disk, each layer counted once: its files and the blob it came as. Reads
 * the store; light. */
#pragma once

#include "image/image.h"

struct image_usage {
    size_t count;
    struct strv *chains; /* of each image: its layers' chainIDs */
    json_t *layers;      /* {"<chain>": {"size": bytes, "users": images}} */
};
/* Of the images of the list, in its order. What vanishes meanwhile counts nothing. */
int image_usage_read(const char *data_dir, const struct image_entry *list, size_t count,
                     struct image_usage *ret, struct error **err) NODISCARD;
void image_usage_done(struct image_usage *u);
static inline void image_usage_cleanup(struct image_usage *u)
{
    image_usage_done(u);
}

/* Of all layers, or of those alone that the images with a true `wanted` need. */
int64_t image_usage_total(const struct image_usage *u, const bool *wanted);
/* Of the layers of image `i` that other images have too, or that it has alone. */
int64_t image_usage_shared(const struct image_usage *u, size_t i);
int64_t image_usage_unique(const struct image_usage *u, size_t i);

/* What a layer takes: its files, its blob if that is written, and the disk that machines use if one
 * has been made. `store`: <data_dir>/images. 0 when there is no such layer. */
int64_t image_layer_bytes(int store, const char *chain_hex);

/* The bytes of a layer's files, of a folder as in struct image; 0 when that is unknown. */
int64_t image_layer_size(const char *diff_path);
