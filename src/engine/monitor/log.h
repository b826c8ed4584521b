// SPDX-License-Identifier: Apache-2.0
/* Docker's json-file log: one JSON object a line, {"log":"…\n","stream":"stdout","time":"…"}.
 *
 * A line of the workload longer than LOG_LINE_MAX becomes several entries, of which only the last
 * ends with "\n"; so does the last line of an output that ends without one. A file that has reached
 * its size is renamed to <path>.1, that one to <path>.2, …, the oldest is removed. A write that
 * fails (a full disk) loses those entries, never the workload.
 *
 * Side effects: the files. The monitor alone writes. */
#pragma once

#include <time.h>

#include "base/error.h"
#include "base/str.h"

#define LOG_LINE_MAX 16384 /* Docker's */

struct log {
    int fd; /* -1: nothing is kept */
    char *path;
    int64_t size, size_max; /* bytes; size_max 0: never rotated */
    int files_max;          /* the current one and the rotated ones */
    struct strbuf pending;  /* entries not yet written */
};

/* Opens the file for appending, making it where absent. */
int log_open(struct log *log, const char *path, int64_t size_max, int files_max,
             struct error **err) NODISCARD;
/* Adds an entry: `line` without its newline; `whole` when it had one. */
void log_add(struct log *log, const char *stream, const struct timespec *time, const char *line,
             size_t len, bool whole);
/* Writes what was added. */
void log_flush(struct log *log);
void log_close(struct log *log);

/* The entry as bytes, newline included: what log_add() appends. Pure. */
void log_format(struct strbuf *out, const char *stream, const struct timespec *time,
                const char *line, size_t len, bool whole);
