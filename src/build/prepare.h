// SPDX-License-Identifier: Apache-2.0
/* What a build starts from: its contexts, the Dockerfile, secrets; and the folder of what is
 * volatile. Side effects: a folder on tmpfs, that of killed builds removed. */
#pragma once

#include "build/build.h"

/* `context`: as on the command line: a folder, an archive, "-", a URL. */
int prepare_build(struct build *b, const char *context, struct error **err) NODISCARD;
/* The graph for one of b->platforms, whatever was before: stages, with the images they stand on. */
int prepare_platform(struct build *b, const char *platform, struct error **err) NODISCARD;
void build_done(struct build *b);

/* recover.c: takes away what killed builds left: workloads, networks, folders. Returns a descriptor
 * to be held for as long as the build is at work. */
int recover_builds(const struct engine *e, struct error **err) NODISCARD;
/* Ends the workload of a step whose process was killed; `folder` is the step's. */
void recover_step(const char *folder);
