// SPDX-License-Identifier: Apache-2.0
/* Where bytes come from: a file, a pipe, a registry. Pulled, never pushed, so that hashing,
 * decompression and unpacking run in one pass without threads between. One thread at a time. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"

struct source {
    /* Gives the next bytes, valid until the next call: how many, 0 at the end, or -errno. */
    ssize_t (*read)(struct source *s, const void **ret_bytes, struct error **err);
};

/* Reads a descriptor from where it stands to its end. The fd is borrowed;
 * `name` is for messages. */
#define SOURCE_FD_BYTES ((size_t)256 << 10)
struct source_fd {
    struct source base;
    int fd;
    const char *name;
    char *buffer;
};
void source_fd_init(struct source_fd *s, int fd, const char *name);
void source_fd_done(struct source_fd *s);
static inline void source_fd_cleanup(struct source_fd *s)
{
    source_fd_done(s);
}
