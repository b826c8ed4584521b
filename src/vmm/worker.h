// SPDX-License-Identifier: Apache-2.0
/* The worker: one epoll loop in the main thread that serves every device.
 *
 * A watch is one descriptor and what to call when it is ready. Watches are the caller's memory and
 * live as long as the worker, which allocates nothing. worker_watch() may be called by any thread;
 * ready() runs in the worker's thread and must not block. Spec: man 7 epoll (level-triggered). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct worker {
    int epoll;
    bool stop; /* set by a ready() to leave worker_run() */
};

struct watch {
    int fd; /* borrowed */
    void (*ready)(struct watch *w, uint32_t events);
    void *context;
    uint32_t events; /* what is being waited for; 0: nothing */
};

int worker_open(struct worker *w, struct error **err) NODISCARD;
void worker_close(struct worker *w);
/* Waits for these events (EPOLLIN, EPOLLOUT; 0 pauses). EPOLLHUP and EPOLLERR come with any but 0.
 * No system call when nothing changes, or without a worker (tests). 0 or -errno. */
int worker_watch(struct worker *w, struct watch *watch, uint32_t events) NODISCARD;
/* Serves until a ready() sets `stop`. */
void worker_run(struct worker *w);
