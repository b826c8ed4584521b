// SPDX-License-Identifier: Apache-2.0
/* Whether the files that a step read are still as they were before it ran: only then may what it
 * made be found again by their digests. Where the first look took its time the second is a process
 * of its own (a fork, as a job), so that the next steps, and the worker's disk, need not wait for
 * it. Side effects: a process for each look that has begun and not ended. */
#pragma once

#include "build/build.h"

/* The step is over. */
void second_look_begin(struct build *b, struct stage *s, struct build_step *step);
/* Waits for it: step->unsure is told. Without a look that has begun: nothing. */
void second_look_end(struct build_step *step);
