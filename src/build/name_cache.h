// SPDX-License-Identifier: Apache-2.0
/* The names in the folders of a context, sorted, known by what stat() says of the folder: a name
 * that comes or goes changes its times. So that looking at a context again neither reads its
 * folders nor sorts what is in them. One file for each context,
 * <data_dir>/build/context/<tag>.names: a head, then each folder's names; written whole when a
 * build found others.
 *
 * Only on file systems of which it is known that they keep a folder's times (not what a server or a
 * process behind FUSE says), and only folders of the context's own file system; of others nothing
 * is kept or found. Any thread may find and put. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

struct name_cache;

struct folder_names {
    const char *data; /* each name with its NUL */
    size_t bytes, count;
};

/* What was kept for the folder; never NULL. */
struct name_cache *name_cache_open(const char *data_dir, int folder);
/* Of a folder that is as it was: true, and its names, valid until the cache is closed. */
bool name_cache_find(struct name_cache *c, const struct stat *folder, struct folder_names *ret);
/* `folder`: as stat() said before its names were read, at `looked_ns` (stat_cache_clock()). */
void name_cache_put(struct name_cache *c, const struct stat *folder, int64_t looked_ns,
                    const struct folder_names *names);
/* Writes if something is new, and frees. What cannot be written is only slower next time. */
void name_cache_close(struct name_cache *c);
