// SPDX-License-Identifier: Apache-2.0
#include "build/second_look.h"

#include <errno.h>
#include <stdio.h>

#include "build/add_remote.h"
#include "build/execute.h"
#include "build/job.h"

#define LONG_MS 4 /* what a process costs is nothing beside it */

static bool is_as_before(struct build *b, struct stage *s, struct build_step *step)
{
    CLEANUP(json) json_t *before = json_incref(step->inputs);
    return step_look(b, s, step, NULL) >= 0 && json_equal(before, step->inputs);
}

static int look_job(struct build *b, struct stage *s, struct build_step *step, int output,
                    json_t **ret_result, struct error **err)
{
    *ret_result = json_boolean(is_as_before(b, s, step));
    return 0;
}

/* That is fetched once: nothing changes it while the step runs. */
static bool reads_remote(const struct build_step *step)
{
    for (size_t i = 0; i < step->copy.sources.count; i++) {
        if (copy_is_remote(&step->copy, i)) {
            return true;
        }
    }
    return false;
}

void second_look_begin(struct build *b, struct stage *s, struct build_step *step)
{
    if (reads_remote(step)) {
        return;
    }
    (void)fflush(NULL); /* the fork would have it twice */
    struct job *job = xcalloc(1, sizeof(*job));
    if (step->looked_ms >= LONG_MS && job_start(b, s, step, look_job, job, NULL) >= 0) {
        step->second_look = job;
        return;
    }
    free(job);
    step->unsure = !is_as_before(b, s, step);
}

void second_look_end(struct build_step *step)
{
    struct job *job = step->second_look;
    CLEANUP(json) json_t *same = NULL;
    char block[4096];
    ssize_t n;
    if (!job) {
        return;
    }
    while ((n = read(job->result, block, sizeof(block))) > 0 || (n < 0 && errno == EINTR)) {
        strbuf_add(&job->answer, block, n < 0 ? 0 : (size_t)n);
    }
    step->unsure = job_end(job, &same, NULL) < 0 || !json_is_true(same);
    free(job);
    step->second_look = NULL;
}
