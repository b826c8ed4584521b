// SPDX-License-Identifier: Apache-2.0
/* A step's work in a process of its own: a fork of ours, which sees all that we know. What it
 * prints comes over one pipe, its result or its error as JSON over another. It is told to stop by
 * SIGTERM and cleans up then; when we are killed, the kernel tells it so. Side effects: processes.
 */
#pragma once

#include "build/build.h"

struct job {
    pid_t pid;
    int output, result; /* to be read */
    struct stage *stage;
    struct build_step *step;
    struct strbuf answer; /* what came of the result */
};

/* In the child: does the step. `output`: where its programs print. *ret_result: taken; or NULL. */
typedef int job_work(struct build *b, struct stage *s, struct build_step *step, int output,
                     json_t **ret_result, struct error **err);

int job_start(struct build *b, struct stage *s, struct build_step *step, job_work *work,
              struct job *ret, struct error **err) NODISCARD;
/* Its end, once both pipes are at theirs: its result, or its error. */
int job_end(struct job *j, json_t **ret_result, struct error **err) NODISCARD;
void job_stop(struct job *j);

/* In the child: whether it was told to stop; and who is to be killed when it is. */
bool job_is_stopped(void);
void job_kills(pid_t pid);
