// SPDX-License-Identifier: Apache-2.0
/* What happened to containers, one JSON object a line, in <run_dir>/events.jsonl:
 *     {"time": RFC 3339, "action", "id", "attributes": {"image", "name", labels…, "exitCode"?, …}}
 * Actions are Docker's: create, start, kill, die, oom, stop, restart, pause, unpause, rename,
 * health_status: …, exec_create, destroy; pids-limit is ours. Attributes are strings.
 *
 * Appended whole by whoever does it; past EVENTS_BYTES_MAX the file becomes events.jsonl.1. A write
 * that fails is not an error of the action. Any process. */
#pragma once

#include "engine/container.h"

#define EVENTS_BYTES_MAX (1 << 20)

/* `attributes_take` (may be NULL) is an object of strings, added to the container's own. */
void event_write(const struct engine *e, const struct container *c, const char *action,
                 json_t *attributes_take);

struct events_options {
    bool follow;                  /* wait for more, up to `until` */
    struct timespec since, until; /* zero: unbounded */
};

/* Called for each event in the order in which it was written; a failure ends the reading. */
typedef int event_reader(void *context, const json_t *event, struct error **err);

/* Reads the events that were written, then (with `follow`) waits for new ones by inotify. Without
 * `since` and without `until` those of the past are left out. Side effect: makes the run folder. */
int events_read(const struct engine *e, const struct events_options *options, event_reader *reader,
                void *context, struct error **err) NODISCARD;
