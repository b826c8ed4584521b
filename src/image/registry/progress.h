// SPDX-License-Identifier: Apache-2.0
/* What a pull or a push tells meanwhile: on a terminal a line a layer with a bar and its rate, and
 * a line for all, redrawn; elsewhere a plain line at each change, as Docker's. Where the terminal
 * has fewer lines than there are layers, those at work are shown. Writes to standard output. Any
 * thread.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum progress_state {
    PROGRESS_WAITING,
    PROGRESS_MOVING,    /* bytes come or go */
    PROGRESS_VERIFYING, /* what is here already is read */
    PROGRESS_UNPACKING, /* all bytes have come */
    PROGRESS_DONE,
    PROGRESS_EXISTS,
    PROGRESS_MOUNTED, /* the registry had it under another name */
    PROGRESS_STATES,
};

/* The words of a verb for each state, and for the plain line at the begin. */
struct progress_words {
    const char *states[PROGRESS_STATES];
    const char *begin;
};

struct progress_layer {
    char label[13]; /* the digest's first digits */
    int64_t size, done;
    int64_t rate_done, rate; /* bytes at the last look, bytes a second */
    enum progress_state state;
};

struct progress {
    const struct progress_words *words;
    pthread_mutex_t lock;
    struct progress_layer *layers;
    size_t count;
    bool quiet, terminal;
    size_t drawn; /* lines */
    int64_t began_ms, last_drawn_ms;
    int64_t rate;
};
void progress_init(struct progress *p, const struct progress_words *words, size_t count,
                   bool quiet);
void progress_layer(struct progress *p, size_t i, const char *digest, int64_t size);
void progress_set(struct progress *p, size_t i, enum progress_state state);
void progress_bytes(struct progress *p, size_t i, int64_t done);
/* Draws the end and frees. */
void progress_done(struct progress *p);

/* One line of the terminal: pure, for tests. `columns`: its width. */
void progress_line(const struct progress *p, const struct progress_layer *l, size_t columns,
                   char *ret, size_t size);
void progress_total_line(const struct progress *p, size_t columns, char *ret, size_t size);
