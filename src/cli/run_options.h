// SPDX-License-Identifier: Apache-2.0
/* The options that `run`, `create` and `explain run` share: rows that fill a struct run_request. */
#pragma once

#include "base/options.h"
#include "spec/request.h"

struct run_values {
    struct run_request request; /* first: the rows' offsets are into it */
    const char *stage, *format; /* explain's own */
};

extern const struct option run_options[], create_options[], explain_options[];

void run_values_defaults(void *values);
/* IMAGE [COMMAND] [ARG...] */
void run_values_arguments(struct run_values *v, int argc, char **argv);
