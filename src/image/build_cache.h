// SPDX-License-Identifier: Apache-2.0
/* The build cache as a stock: what there is, what it takes, since when nobody used it. It is in
 * <data_dir>/build: cache/ has a record a step (build/cache.h), each naming a layer of the image
 * store; mounts/ the folders of RUN --mount=type=cache. The settings bound it,
 *     "build": {"cacheBytes": "20g"}
 * and a build that leaves more takes the least recently used away. Reads; light. */
#pragma once

#include "base/json.h"

#define BUILD_CACHE_BYTES_DEFAULT ((int64_t)20 << 30)

/* An attribute of a record's file: how often it was taken from the cache, in digits. */
#define BUILD_CACHE_USES "user.cloison.uses"

struct build_cache_item {
    char *path;
    char *text;             /* the step, or the mount's name */
    char *chain_hex;        /* the layer; NULL: a mount, or a step without one */
    int64_t made_s, used_s; /* seconds since the epoch */
    int64_t uses;           /* how often it was taken from the cache */
    int64_t bytes; /* what goes with it: the layer's files and its blob, the folder's files */
    bool is_mount;
    bool is_shared; /* an image has the layer: it stays when the record goes */
    bool is_again;  /* a record before it in the list names the same layer */
};
struct build_cache {
    struct build_cache_item *items; /* the longest unused first */
    size_t count;
};
/* What vanishes meanwhile is left out. */
int build_cache_read(const char *data_dir, struct build_cache *ret, struct error **err) NODISCARD;
void build_cache_done(struct build_cache *c);
static inline void build_cache_cleanup(struct build_cache *c)
{
    build_cache_done(c);
}
/* Of all, and of what would be free without it. */
int64_t build_cache_total(const struct build_cache *c);
int64_t build_cache_reclaimable(const struct build_cache *c);

int build_cache_bound(const char *config_path, int64_t *ret, struct error **err) NODISCARD;
