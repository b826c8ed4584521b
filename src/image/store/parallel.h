// SPDX-License-Identifier: Apache-2.0
/* Independent pieces of work, shared among as many threads as there are processors. Side effects:
 * threads, none of which is left. */
#pragma once

#include <stddef.h>

/* The processors that this process may use, at least 1. */
size_t parallel_processors(void);

/* Calls work(context, i) once for each i below `count`, on at most `threads` threads, this one
 * among them; returns when all are done. */
void parallel_run(size_t count, size_t threads, void (*work)(void *context, size_t i),
                  void *context);
