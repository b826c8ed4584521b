// SPDX-License-Identifier: Apache-2.0
/* Building a service's image: its `build` as the words behind `cloison build`. compose-spec
 * build.md. Side effects: those of that command, and a file in the run folder for
 * dockerfile_inline. */
#pragma once

#include "compose/load.h"
#include "engine/container.h"

struct build_options {
    const struct engine *engine;
    const char *cloison;
    bool no_cache, pull, quiet, check, push;
    const struct strv *args, *ssh; /* more of them; may be NULL */
};
/* Returns 0, the exit status of the build, or a negative errno. */
int build_service(const struct project *p, const char *service, const struct build_options *o,
                  struct error **err) NODISCARD;
/* Pure: the words. `inline_path`: where dockerfile_inline was written, or NULL. */
int build_words(const struct project *p, const char *service, const struct build_options *o,
                const char *inline_path, struct strv *ret, struct error **err) NODISCARD;
