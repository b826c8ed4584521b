// SPDX-License-Identifier: Apache-2.0
/* Files of the host brought into containers, or taken away there, as `develop.watch` asks. By the
 * commands `cloison cp` and `cloison exec`, whichever wall the container is behind. */
#pragma once

#include "compose/develop.h"
#include "engine/container.h"

/* What has changed and is gone for one rule: a path of the host, and its place in the container. */
struct sync_work {
    struct strv from, to; /* side by side */
    struct strv folders;  /* to be there first */
    struct strv gone;     /* places in the container */
};
void sync_add(struct sync_work *w, const struct watch_rule *rule, const char *path,
              const char *behind);
void sync_done(struct sync_work *w);
static inline void sync_cleanup(struct sync_work *w)
{
    sync_done(w);
}
int sync_run(const struct engine *e, const char *cloison, const struct sync_work *w,
             const char *container, struct error **err) NODISCARD;
