// SPDX-License-Identifier: Apache-2.0
/* COPY, ADD and WORKDIR: files put into a layer, in a job's process (job.h). The layers below are
 * mounted for it alone, so that the image's links in the destination lead where they do in a
 * container, and never out: every path is resolved by openat2 inside the one root or the other. */
#pragma once

#include "build/content.h"
#include "build/job.h"

/* Result: none. */
job_work copy_job, workdir_job;

/* The folder that a copy reads from, opened; for layers a mount. */
int copy_source_open(const struct build *b, const struct build_step *step, const char *at,
                     struct error **err) NODISCARD;
/* How the step's sources are looked at. `excludes` is filled in and to be ended. */
int copy_content_request(const struct build *b, const struct build_step *step, int folder,
                         struct ignore *excludes, struct content_request *ret,
                         struct error **err) NODISCARD;
/* "u=rwX,go-w", "0644": what becomes of a mode. */
mode_t chmod_apply(const char *text, mode_t mode);
