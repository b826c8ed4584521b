// SPDX-License-Identifier: Apache-2.0
/* Variables in a YAML file's values, as Compose has them: $NAME, ${NAME}, ${NAME:-default},
 * ${NAME-default},
 * ${NAME:?message}, ${NAME?message}, ${NAME:+replacement}, ${NAME+replacement}, nested in the
 * latter part; $$ is a dollar. compose-spec 12-interpolation.md. Pure. */
#pragma once

#include "base/error.h"
#include "base/str.h"

struct variables { /* a variable's value, or NULL */
    const char *(*lookup)(void *context, const char *name);
    void *context;
    struct strv *unset; /* names that were asked for without a default; NULL: nobody cares */
};

/* Appends the interpolated text. Bounded by `out->max`. ERROR_INVALID_INPUT: a wrong form, or a
 * variable that ${NAME?message} requires. */
int interpolate(const struct variables *v, const char *text, struct strbuf *out,
                struct error **err) NODISCARD;
