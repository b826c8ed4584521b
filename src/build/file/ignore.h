// SPDX-License-Identifier: Apache-2.0
/* .dockerignore: which paths of a context are left out. Pure; any thread.
 *
 * Patterns are Go's with "**" (glob.h); the last one that takes a path, or a folder above it,
 * decides; '!' in front takes paths back. Specification: Docker's "build context", ".dockerignore
 * files". */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "base/str.h"

struct ignore_pattern {
    char *text; /* clean, relative */
    bool back;  /* '!' */
    bool plain; /* a name: no wildcards */
};
struct ignore {
    struct ignore_pattern *items;
    size_t count;
    bool any_back;
};

/* The file's text; comments and empty lines go. ERROR_INVALID_INPUT names the line. */
int ignore_parse(const char *name, const char *text, struct ignore *ret,
                 struct error **err) NODISCARD;
/* One pattern more, as of COPY --exclude. */
int ignore_add(struct ignore *i, const char *pattern, struct error **err) NODISCARD;
void ignore_done(struct ignore *i);
static inline void ignore_cleanup(struct ignore *i)
{
    ignore_done(i);
}

/* Whether a path ("a/b/c", no slash in front) is left out. `above` is the verdict on its folder, so
 * that a walk asks for each path once. */
bool ignore_takes(const struct ignore *i, const char *path, bool above);
/* Whether something below an ignored folder may be taken back. */
bool ignore_may_take_back(const struct ignore *i, const char *folder);
