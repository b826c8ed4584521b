// SPDX-License-Identifier: Apache-2.0
/* Where a start's time went, for run --timing: the end of each step, in the order in which they
 * ended. Steps run beside each other (the network beside the mounts), so each is shown with the
 * time since the one before and since the beginning. No side effects. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define TIMING_STEPS_MAX 24

struct start_timing {
    bool wanted;
    int64_t begin_ns;
    struct {
        char name[24];
        int64_t at_ns;
    } steps[TIMING_STEPS_MAX];
    int count;
};

void timing_begin(struct start_timing *t);
void timing_mark(struct start_timing *t, const char *name);
/* A step that ended elsewhere, on CLOCK_MONOTONIC; `context` is the struct start_timing. */
void timing_phase(void *context, const char *name, int64_t monotonic_ns);
void timing_print(const struct start_timing *t, FILE *stream);
