// SPDX-License-Identifier: Apache-2.0
/* The verbs that take several containers: each is done and named on standard output as the user
 * wrote it; one that fails has its line on standard error and the rest is done all the same. */
#pragma once

#include "cli/engine_of.h"

/* 0: done; 1: done, and its name is not printed; or a negative errno with *err set. */
typedef int each_action(const struct engine *engine, const char *name, void *context,
                        struct error **err);

/* Returns 0 when all went well, else 1. */
int each_container(const struct command_context *context, int argc, char **argv,
                   each_action *action, void *action_context);
