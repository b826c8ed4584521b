// SPDX-License-Identifier: Apache-2.0
#include "engine/timing.h"

#include <string.h>

#include "base/clock.h"

void timing_begin(struct start_timing *t)
{
    t->begin_ns = t->wanted ? clock_ns() : 0;
}

void timing_phase(void *context, const char *name, int64_t monotonic_ns)
{
    struct start_timing *t = context;
    if (t->wanted && t->count < TIMING_STEPS_MAX) {
        (void)stpncpy(t->steps[t->count].name, name, sizeof(t->steps[0].name) - 1);
        t->steps[t->count++].at_ns = monotonic_ns;
    }
}

void timing_mark(struct start_timing *t, const char *name)
{
    if (t->wanted) {
        timing_phase(t, name, clock_ns());
    }
}

void timing_print(const struct start_timing *t, FILE *stream)
{
    int64_t before = t->begin_ns;
    if (!t->wanted) {
        return;
    }
    fprintf(stream, "%-12s %9s %9s\n", "STEP", "MS", "TOTAL MS");
    for (int i = 0; i < t->count; i++) {
        int64_t at = t->steps[i].at_ns;
        fprintf(stream, "%-12s %9.3f %9.3f\n", t->steps[i].name, (double)(at - before) / 1e6,
                (double)(at - t->begin_ns) / 1e6);
        before = at;
    }
}
