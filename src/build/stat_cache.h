// SPDX-License-Identifier: Apache-2.0
/* Digests of file contents, known by what stat() says of the file: size, times of change, inode; so
 * that a context of many files costs no more than a look at each. One file for each context,
 * <data_dir>/build/context/<tag>; written whole. A file that changed so recently that its times
 * could stay as they are through another change is not kept. */
#pragma once

#include <sys/stat.h>

#include "base/error.h"

#define CONTENT_DIGEST_BYTES 32

struct stat_cache;
/* What was kept for the folder; never NULL. */
struct stat_cache *stat_cache_open(const char *data_dir, int folder);
/* The digest of a file that is as it was, or NULL. */
const unsigned char *stat_cache_find(struct stat_cache *c, const char *path, const struct stat *st);
void stat_cache_put(struct stat_cache *c, const char *path, const struct stat *st,
                    const unsigned char digest[CONTENT_DIGEST_BYTES]);
/* Writes what is new, and frees. What cannot be written is only slower next time. */
void stat_cache_close(struct stat_cache *c);
