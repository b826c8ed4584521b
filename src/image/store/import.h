// SPDX-License-Identifier: Apache-2.0
/* A root tarball becoming an image of one layer: `import` and `bootstrap`. */
#pragma once

#include "image/platform.h"
#include "image/store/add.h"

struct import {
    int fd;                            /* the tarball, compressed or not; borrowed */
    const char *name;                  /* for messages */
    json_t *config;                    /* Cmd, Env, …; borrowed */
    const char *created_by, *comment;  /* of the history entry; may be NULL */
    const struct reference *reference; /* NULL: without a name */
    const struct platform *platform;   /* NULL: the host's */
    struct unpack_limits limits;
    /* Called when the tarball is read and before the image is made: a failure of whoever wrote the
     * tarball is the error then, and also when reading failed. NULL: none. */
    int (*writer_ended)(void *context, struct error **err);
    void *context;
};
/* The caller frees *ret_id. */
int import_tarball(struct store *s, const struct import *i, char **ret_id,
                   struct error **err) NODISCARD;
