// SPDX-License-Identifier: Apache-2.0
/* Many things done at once, each in a process of its own, in the order that they need: what is done
 * to containers, by the engine's own functions.
 *
 * A task starts when those that it needs are done; when one fails, those that need it are left out,
 * the others go on. On a terminal each task has a line that changes; else a line when it is done.
 *
 * Side effects: processes, which end with the call; lines on standard error. From a single-threaded
 * process. */
#pragma once

#include "base/error.h"
#include "base/str.h"

struct crew_task {
    char *label;              /* "Container shop-web-1" */
    const char *doing, *done; /* "Starting", "Started"; NULL: no line of its own */
    /* Runs in the child, standard output going nowhere; 0, 1 for "nothing had to be done", or a
     * negative errno. NULL: it is as it should be already. */
    int (*run)(const void *argument, struct error **err);
    const void *argument; /* borrowed */
    size_t *needs;        /* indices of tasks */
    size_t need_count;
    size_t *after; /* the same: they must have ended, well or not */
    size_t after_count;
    bool rescues; /* runs only when one of `after` did not do well; told of only then */
    /* the rest is crew_run()'s */
    int state;
    pid_t pid;
    int fd;
    int64_t begin_ns, end_ns;
    struct error *error;
};

enum crew_style {
    CREW_AUTO,     /* a line a task that changes where there is a terminal, else CREW_PLAIN */
    CREW_TERMINAL, /* such lines, whatever there is */
    CREW_PLAIN,    /* a line when a task is done */
    CREW_JSON,     /* an object a line: {"id", "status", "text"} */
};

struct crew {
    struct crew_task *tasks;
    size_t count;
    bool quiet; /* no lines */
    int limit;  /* at once; 0: CREW_LIMIT */
    enum crew_style style;
};
#define CREW_LIMIT 32

/* Its index. */
size_t crew_add(struct crew *c, char *label_take, const char *doing, const char *done,
                int (*run)(const void *argument, struct error **err), const void *argument);
void crew_needs(struct crew *c, size_t task, size_t needed);
void crew_follows(struct crew *c, size_t task, size_t before);
void crew_rescues(struct crew *c, size_t task, size_t of);

/* Until all have ended. On failure *err is the first one's; the others' have a line each. */
int crew_run(struct crew *c, struct error **err) NODISCARD;
void crew_done(struct crew *c);
static inline void crew_cleanup(struct crew *c)
{
    crew_done(c);
}
