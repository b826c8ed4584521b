// SPDX-License-Identifier: Apache-2.0
#include "image/store/parallel.h"

#include <sched.h>

#define THREADS_MAX 64

struct run {
    size_t count;
    void (*work)(void *context, size_t i);
    void *context;
    atomic_size_t next;
};

size_t parallel_processors(void)
{
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
    return n < 1 ? 1 : (size_t)n;
}

static void *work_on(void *context)
{
    struct run *r = context;
    for (;;) {
        size_t i = atomic_fetch_add(&r->next, 1);
        if (i >= r->count) {
            return NULL;
        }
        r->work(r->context, i);
    }
}

void parallel_run(size_t count, size_t threads, void (*work)(void *context, size_t i),
                  void *context)
{
    struct run r = {.count = count, .work = work, .context = context};
    pthread_t others[THREADS_MAX];
    size_t started = 0;
    while (started < THREADS_MAX && started + 1 < threads && started + 1 < count &&
           pthread_create(&others[started], NULL, work_on, &r) == 0) {
        started++;
    }
    work_on(&r); /* without a thread for want of memory, this one does it all */
    for (size_t i = 0; i < started; i++) {
        (void)pthread_join(others[i], NULL);
    }
}

void first_failure_note(struct first_failure *f, struct error *e)
{
    pthread_mutex_lock(&f->lock);
    if (!f->error) {
        f->error = e;
    } else {
        error_free(e);
    }
    atomic_store(&f->failed, true);
    pthread_mutex_unlock(&f->lock);
}
