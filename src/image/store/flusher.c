// SPDX-License-Identifier: Apache-2.0
#include "image/store/flusher.h"

#include <time.h>
#include <unistd.h>

#define PAUSE_MS 50

/* True when it is to stop. */
static bool pause_for(struct flusher *f, long ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += ms * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&f->lock);
    while (!f->stop && pthread_cond_timedwait(&f->changed, &f->lock, &until) == 0) {
    }
    bool stop = f->stop;
    pthread_mutex_unlock(&f->lock);
    return stop;
}

static void *flush(void *context)
{
    struct flusher *f = context;
    for (long ms = f->first_ms; !pause_for(f, ms); ms = PAUSE_MS) {
        (void)syncfs(f->fd); /* store_sync() has the last word, and tells */
    }
    return NULL;
}

void flusher_start(struct flusher *f, int fd, long first_ms)
{
    pthread_condattr_t attributes;
    *f = (struct flusher){.fd = fd, .first_ms = first_ms, .lock = PTHREAD_MUTEX_INITIALIZER};
    (void)pthread_condattr_init(&attributes); /* these cannot fail on Linux */
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&f->changed, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    f->running = pthread_create(&f->thread, NULL, flush, f) == 0;
}

void flusher_stop(struct flusher *f)
{
    if (!f->running) {
        return;
    }
    pthread_mutex_lock(&f->lock);
    f->stop = true;
    pthread_cond_signal(&f->changed);
    pthread_mutex_unlock(&f->lock);
    (void)pthread_join(f->thread, NULL);
    (void)pthread_cond_destroy(&f->changed);
    (void)pthread_mutex_destroy(&f->lock);
    *f = (struct flusher){0};
}
