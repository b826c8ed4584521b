// SPDX-License-Identifier: Apache-2.0
/* RUN: the step's process on a wall, through spec, plan and apply as any container's; the layer is
 * the overlay's upper folder. Runs in a job's process (job.h). */
#pragma once

#include "build/job.h"

/* Result: {"exit": status}, or an error that kept it from starting. */
job_work run_job;

/* run_mounts.c: the step's --mounts added to the spec; what they need is made below `folder`. */
struct run_mounts; /* what has to be undone */
struct spec;
int run_mounts_add(struct build *b, struct stage *s, struct build_step *step, const char *folder,
                   struct spec *spec, struct run_mounts **ret, struct error **err) NODISCARD;
void run_mounts_free(struct run_mounts *m);

/* stubs.c: mount points that a run makes in its layer and nobody else writes to go again. */
struct stubs;
struct stubs *stubs_note(int root, const struct spec *spec);
void stubs_remove(struct stubs *s, const char *diff);
