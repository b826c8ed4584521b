// SPDX-License-Identifier: Apache-2.0
/* The files that COPY, ADD and bind mounts name: found in a folder, and as one digest over names,
 * content and modes (and owners, where they are copied too), never times. Side effects: reads. */
#pragma once

#include "base/copy_tree.h"
#include "build/context.h"

struct source_item {
    char *path;  /* inside the folder, clean, "" for all of it; to be opened by open_in_root() */
    char *name;  /* its last component, as it was asked for or found */
    char *under; /* --parents: where it goes below the destination; else NULL */
};
struct source_items {
    struct source_item *items;
    size_t count;
};
void source_items_done(struct source_items *s);
static inline void source_items_cleanup(struct source_items *s)
{
    source_items_done(s);
}

struct content_request {
    int folder;                    /* the root of all paths */
    const struct ignore *ignore;   /* of a context; NULL: none */
    const struct ignore *excludes; /* --exclude, from each source's top; NULL: none */
    struct stat_cache *digests;    /* or NULL */
    struct name_cache *names;      /* or NULL */
    bool owners;                   /* they count */
    bool parents;
    /* Called at most once for a source, from any thread, when much is being looked at and something
     * of it is new: what reads it will hardly be in the cache. Or NULL. */
    void (*expect)(void *context);
    void *expect_context;
};

/* One source, which may have Go's wildcards; sorted. ERROR_NOT_FOUND when it is none and not there.
 */
int content_find(const struct content_request *q, const char *pattern, struct source_items *ret,
                 struct error **err) NODISCARD;
/* Adds what a source is to the digest. */
int content_digest(const struct content_request *q, const struct source_item *item,
                   struct digest *to, struct error **err) NODISCARD;
/* Whether an entry below a source is part of it. `top`: the source's path; `path`: from there. */
enum copy_part content_has(const struct content_request *q, const char *top, const char *path,
                           bool is_folder);
