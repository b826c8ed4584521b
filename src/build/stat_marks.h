// SPDX-License-Identifier: Apache-2.0
/* What stat() says of a file, as marks by which it is known again: for stat_cache.h and
 * name_cache.h. No side effects. */
#pragma once

#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

#include "base/str.h"

#define SETTLED_NS 20000000 /* times have a tick of the kernel's clock, 10 ms at most */

static inline int64_t stat_ns(const struct timespec *t)
{
    return (int64_t)t->tv_sec * 1000000000 + t->tv_nsec;
}

static inline uint64_t stat_mix(uint64_t x)
{
    x = (x ^ (x >> 32)) * 0x9e3779b97f4a7c15u;
    return x ^ (x >> 29);
}

static inline uint64_t stat_inode(const struct stat *st)
{
    return st->st_ino ^ stat_mix(st->st_dev);
}

/* A change that came after the look shows in its times: they are no younger than a tick. */
static inline bool stat_is_settled(const struct stat *st, int64_t looked_ns)
{
    return stat_ns(&st->st_ctim) <= looked_ns - SETTLED_NS &&
           stat_ns(&st->st_mtim) <= looked_ns - SETTLED_NS;
}

/* Where something is kept of the context in this folder. The caller frees. */
static inline char *stat_cache_path(const char *data_dir, const struct stat *folder,
                                    const char *suffix)
{
    return str_format("%s/build/context/%llx-%llx%s", data_dir, (unsigned long long)folder->st_dev,
                      (unsigned long long)folder->st_ino, suffix);
}
