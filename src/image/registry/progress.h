// SPDX-License-Identifier: Apache-2.0
/* What a pull tells meanwhile: on a terminal a line a layer with a bar, redrawn; elsewhere a plain
 * line at each change, as Docker's. Writes to standard output. Any thread. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum progress_state { PROGRESS_WAITING, PROGRESS_FETCHING, PROGRESS_DONE, PROGRESS_EXISTS };

struct progress_layer {
    char label[13]; /* the digest's first digits */
    int64_t size, done;
    enum progress_state state;
};

struct progress {
    pthread_mutex_t lock;
    struct progress_layer *layers;
    size_t count;
    bool quiet, terminal, drawn;
    int64_t last_drawn_ms;
};
void progress_init(struct progress *p, size_t count, bool quiet);
void progress_layer(struct progress *p, size_t i, const char *digest, int64_t size);
void progress_set(struct progress *p, size_t i, enum progress_state state);
void progress_bytes(struct progress *p, size_t i, int64_t done);
void progress_done(struct progress *p);
