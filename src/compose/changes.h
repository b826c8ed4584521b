// SPDX-License-Identifier: Apache-2.0
/* What changes below folders, by inotify (man 7 inotify): folders that come later are watched, too.
 * Side effects: watches, which go with the descriptor. */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "base/str.h"

struct changes {
    int fd;
    char **folders; /* by watch descriptor */
    size_t count;
    bool (*pass_over)(const void *context, const char *folder); /* what needs no look */
    const void *context;
};

int changes_open(struct changes *c, struct error **err) NODISCARD;
void changes_close(struct changes *c);
/* A folder and all below it; a file by its folder. */
int changes_watch(struct changes *c, const char *path, struct error **err) NODISCARD;
/* Waits until something changes and then until nothing has for `quiet_ms`; appends the paths of
 * what was made, written or removed, each once. 1, or 0 when a signal came. */
int changes_wait(struct changes *c, int quiet_ms, struct strv *ret, struct error **err) NODISCARD;
/* Every file below the path, but for folders passed over. */
void changes_list(const struct changes *c, const char *path, struct strv *ret);
