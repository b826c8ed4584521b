// SPDX-License-Identifier: Apache-2.0
/* The options that `run`, `create` and `explain run` share: rows that fill a struct run_request. */
#pragma once

#include "base/options.h"
#include "engine/container.h"
#include "spec/request.h"

struct run_values {
    struct run_request request; /* first: the rows' offsets are into it */
    const char *stage, *format; /* explain's own */
};

/* What the three have in common as commands. */
#define RUN_COMMAND                                                                                \
    .group = "Containers", .arguments = "[OPTIONS] IMAGE [COMMAND] [ARG...]",                      \
    .values_size = sizeof(struct run_values), .defaults = run_values_defaults, .min_arguments = 1, \
    .max_arguments = -1, .options_end_at_argument = true, .argument_completion = COMPLETE_IMAGE,   \
    .failure_status = 125

/* explain's own rows, which may stand in front of "run" or behind it. */
#define EXPLAIN_ROWS                                                                               \
    {0,                                                                                            \
     "stage",                                                                                      \
     OPTION_STRING,                                                                                \
     offsetof(struct run_values, stage),                                                           \
     "STAGE",                                                                                      \
     "What to show: request, spec or plan",                                                        \
     COMPLETE_WORDS,                                                                               \
     "request spec plan",                                                                          \
     FROM_CLOISON},                                                                                \
    {                                                                                              \
        0, "format", OPTION_STRING, offsetof(struct run_values, format), "FORMAT", "text or json", \
            COMPLETE_WORDS, "text json", FROM_CLOISON                                              \
    }

extern const struct option run_options[], create_options[], explain_options[];
/* The limits, and --restart. */
extern const struct option update_options[];

void run_values_defaults(void *values);
/* One line on standard error about what has no effect, as Docker has it. */
void run_values_warn(const struct run_values *v, const struct engine *e);
/* IMAGE [COMMAND] [ARG...] */
void run_values_arguments(struct run_values *v, int argc, char **argv);
