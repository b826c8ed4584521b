// SPDX-License-Identifier: Apache-2.0
/* Writing to the disk while layers are still being unpacked: all of it has to be there before a
 * layer gets its name, and the disk would stand idle until then. A thread that calls syncfs(2)
 * again and again, from a moment after it was started: what is small is done before. */
#pragma once

#include <pthread.h>
#include <stdbool.h>

struct flusher {
    int fd; /* of the file system; borrowed */
    long first_ms;
    bool running, stop;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
};

/* Begins `first_ms` from now. Where no thread can be made, nothing is written early. The object
 * must not move. */
void flusher_start(struct flusher *f, int fd, long first_ms);
/* Zeroed: nothing to do. */
void flusher_stop(struct flusher *f);
