// SPDX-License-Identifier: Apache-2.0
/* Folders as tar archives (PAX where the old format does not do): export, `cp … -`, the layer of a
 * commit. Kept: modes, owners, times, links hard and symbolic, devices, attributes, holes. Sockets
 * are left out: no archive can hold them. What lies behind a mount is left out, its mount point is
 * not. Links are never followed. Reads files, writes to the descriptor or calls; one thread. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct tree_tar {
    /* An overlay's upper folder, whose marks become the image specification's whiteouts
     * (layer.md "Whiteouts"). */
    bool is_upper;
    int fd; /* to write to; borrowed */
    /* Called instead, if set, with all that would be written. */
    int (*put)(void *context, const void *bytes, size_t len, struct error **err);
    void *context;
    int64_t *bytes; /* counts the content of files; or NULL */
};

/* The folder's content, each entry's name relative to it. */
int tree_tar_folder(const struct tree_tar *t, int folder, struct error **err) NODISCARD;
/* One entry of a folder, a folder with its content, under another name. */
int tree_tar_entry(const struct tree_tar *t, int folder, const char *name, const char *as,
                   struct error **err) NODISCARD;
