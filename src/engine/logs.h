// SPDX-License-Identifier: Apache-2.0
/* Reading a container's json-file log, rotated parts first. Side effects: reads files, writes the
 * entries to our standard output and error; with `follow` waits (inotify) for more until the
 * container ends. */
#pragma once

#include "engine/container.h"

struct logs_options {
    bool follow, timestamps, details;
    int64_t tail;                 /* entries; -1: all */
    struct timespec since, until; /* zero: unbounded */
};

int engine_logs(const struct engine *e, const char *name, const struct logs_options *options,
                struct error **err) NODISCARD;

/* "2026-01-02T15:04:05Z", "2026-01-02", seconds since the epoch, or how long ago: "10m". */
int logs_time_parse(const char *text, struct timespec *ret, struct error **err) NODISCARD;
