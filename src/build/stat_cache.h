// SPDX-License-Identifier: Apache-2.0
/* Digests of file contents, known by what stat() says of the file: device and inode, size, times of
 * change; so that a context of many files costs no more than a look at each. One file for each
 * context, <data_dir>/build/context/<tag>: a hash table as it lies in memory, mapped; what a build
 * changes goes into it in place. A file that changed so recently that its times could stay as they
 * are through another change is not kept.
 *
 * stat_cache_find() may be called in several threads at once, the others not beside it. */
#pragma once

#include <sys/stat.h>

#include "base/error.h"

#define CONTENT_DIGEST_BYTES 32

struct stat_cache;
/* What was kept for the folder; never NULL. */
struct stat_cache *stat_cache_open(const char *data_dir, int folder);
/* The digest of a file that is as it was, or NULL. Valid until something is put. */
const unsigned char *stat_cache_find(struct stat_cache *c, const struct stat *st);
/* `looked_ns`: stat_cache_clock() when stat() was asked, before the content was read. */
int64_t stat_cache_clock(void);
void stat_cache_put(struct stat_cache *c, const struct stat *st, int64_t looked_ns,
                    const unsigned char digest[CONTENT_DIGEST_BYTES]);
/* Writes what is new, and frees. What cannot be written is only slower next time. */
void stat_cache_close(struct stat_cache *c);
