// SPDX-License-Identifier: Apache-2.0
/* A folder that a build reads: its context, or a named one. The user controls it, and may change it
 * while we read: every path is resolved inside it (openat2, RESOLVE_IN_ROOT), links below a folder
 * that is copied are copied and never followed. Side effects: reads files; a cache of digests in
 * <data_dir>/build/context. */
#pragma once

#include "build/file/ignore.h"
#include "image/store/digest.h"

struct name_cache;
struct stat_cache;

struct context {
    char *path; /* absolute; NULL: there is none (a build from a Dockerfile alone) */
    int fd;     /* of the folder; -1 */
    struct ignore ignore;
    struct stat_cache *digests; /* of file contents, by what stat() says of them; NULL: none */
    struct name_cache *names;   /* in its folders; NULL: none */
    char *temporary;            /* made by us: removed at the end; or NULL */
};

int context_open(const char *path, struct context *ret, struct error **err) NODISCARD;
/* Reads <dockerfile>.dockerignore beside the Dockerfile, else .dockerignore of the context. */
int context_read_ignore(struct context *c, const char *dockerfile, struct error **err) NODISCARD;
/* What earlier builds of it have found, kept below the data folder. */
void context_open_caches(struct context *c, const char *data_dir);
void context_done(struct context *c);
