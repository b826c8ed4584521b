// SPDX-License-Identifier: Apache-2.0
/* Independent pieces of work, shared among as many threads as there are processors. Side effects:
 * threads, none of which is left. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* The processors that this process may use, at least 1. */
size_t parallel_processors(void);

/* Calls work(context, i) once for each i below `count`, on at most `threads` threads, this one
 * among them; returns when all are done. */
void parallel_run(size_t count, size_t threads, void (*work)(void *context, size_t i),
                  void *context);

/* The first failure among several threads: the others look whether there was one and stop. */
struct first_failure {
    pthread_mutex_t lock;
    atomic_bool failed;
    struct error *error;
};
#define FIRST_FAILURE_INIT                                                                         \
    {                                                                                              \
        PTHREAD_MUTEX_INITIALIZER, false, NULL                                                     \
    }
/* Takes the error, and frees it when it is not the first. */
void first_failure_note(struct first_failure *f, struct error *e);
