// SPDX-License-Identifier: Apache-2.0
/* Running the graph: each needed stage goes from step to step; a step is taken from the cache or
 * made in a job; stages that do not wait for each other run at once, up to the number of cores.
 * Layers are sealed by the worker while the next steps run, and kept, with the cache's records, at
 * the end: also when a step fails. Side effects: a build's. */
#pragma once

#include "build/build.h"

/* All needed stages are done, and their layers kept, when it returns 0. */
int execute_graph(struct build *b, struct error **err) NODISCARD;
/* Behind it, and behind what is made of its layers meanwhile: the cache's records. */
int execute_end(struct build *b, struct error **err) NODISCARD;
/* Asked to stop by a signal. */
bool execute_is_interrupted(void);

/* step_key.c. Looks at the files that the step reads: step->inputs. */
int step_look(struct build *b, struct stage *s, struct build_step *step,
              struct error **err) NODISCARD;
/* Its cache key on the layer `parent` ("" at the bottom): false when a stage that it reads from has
 * no digest yet. */
bool step_key(const struct build *b, const struct stage *s, const struct build_step *step,
              const char *parent, char ret[DIGEST_TEXT_BYTES]);
/* Whether the cache may be asked for it at all. */
bool step_is_cacheable(const struct build *b, const struct stage *s, const struct build_step *step);

/* keep.c */
/* A step's layer of this build is under the stage now, to be sealed. */
int keep_layer(struct build *b, struct stage *s, struct build_step *step,
               struct error **err) NODISCARD;
/* Layers of what was done. Waits for the worker. */
int keep_all(struct build *b, struct error **err) NODISCARD;
/* The cache's records of it, once: waits for the second looks. */
int keep_records(struct build *b, struct error **err) NODISCARD;
/* The layers of one stage, no records. */
int keep_stage(struct build *b, struct stage *s, struct error **err) NODISCARD;
void stage_push_layer(struct stage *s, const char *diff, const char *chain_id,
                      struct build_step *step);
