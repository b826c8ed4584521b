// SPDX-License-Identifier: Apache-2.0
/* One run of something, watched from outside: the same eyes for every wall.
 *
 * Each launch has a process of ours between, the watcher, which adopts whatever the run leaves
 * behind (a container's monitor, a machine's): so all that the run costs the host is below one
 * process, its processor time is added up when it is waited for, and nothing can be lost.
 *
 *     launch_begin → launch_wait(FIRST | READY | STARTED | ENDED) … → launch_end
 *
 * Side effects: processes, a mount namespace of the watcher's for a root. From a single-threaded
 * process. Specifications: man 2 prctl (PR_SET_CHILD_SUBREAPER), wait4(2), overlayfs. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/str.h"

struct launch_order {
    const struct strv *argv;        /* an absolute path first; in `root` looked for by PATH */
    const struct strv *environment; /* "K=V" */
    const struct strv *layers;      /* of an image, topmost first, to be its root; NULL: ours */
    const char *scratch;            /* with layers: a folder for what is written */
    const char *workdir;            /* with layers */
    const char *ready_log; /* a line of its output with this in it is "ready"; NULL: none */
};

enum launch_event {
    LAUNCH_FIRST,   /* the first byte came */
    LAUNCH_READY,   /* the line came */
    LAUNCH_STARTED, /* the process that was started ended (`run -d`), others may live on */
    LAUNCH_ENDED,   /* nobody is left */
    LAUNCH_EVENTS,
};

struct launch_report { /* what the watcher tells, by event */
    enum launch_event event;
    int64_t ns, begin_ns; /* since the start; the start, of CLOCK_MONOTONIC */
    /* of ENDED: */
    int status;               /* as of waitpid(2), of the process that was started */
    int64_t cpu_us, peak_kib; /* of all: added up; of the largest one */
};

#define LAUNCH_TEXT_BYTES 65536

struct launch {
    pid_t watcher;
    int reports, text;                          /* descriptors */
    struct launch_report report[LAUNCH_EVENTS]; /* those that came, else ns is -1 */
    char *output, *errors; /* after ENDED or launch_end(): what it wrote, bounded */
};

int launch_begin(const struct launch_order *order, struct launch *ret,
                 struct error **err) NODISCARD;

/* Waits for the event. 1: it came; 0: it ended without it; -ETIMEDOUT; -EINTR when a signal in
 * `signals` (base/signals.h) is pending. No error object: the caller knows the story. */
int launch_wait(struct launch *l, enum launch_event event, int timeout_ms, const sigset_t *signals);

/* Ends what is left of it and waits for that; then output and errors are there. */
void launch_end(struct launch *l);

/* Frees; ends it first if it was not. */
void launch_done(struct launch *l);
