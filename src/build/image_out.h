// SPDX-License-Identifier: Apache-2.0
/* The target stage as an image of the store, with its names. Where everything was in the cache and
 * the image is there already, nothing is written and no program is executed. Side effects: the
 * store (through the worker). */
#pragma once

#include "build/build.h"

struct image_result {
    char *id; /* "sha256:…" */
    bool existed;
};
/* `names`: that it gets. The caller frees ret->id. */
int image_out(struct build *b, struct stage *s, const struct strv *names, struct image_result *ret,
              struct error **err) NODISCARD;
