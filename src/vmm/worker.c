// SPDX-License-Identifier: Apache-2.0
#include "vmm/worker.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { EVENTS_AT_ONCE = 16 };

int worker_open(struct worker *w, struct error **err)
{
    *w = (struct worker){.epoll = epoll_create1(EPOLL_CLOEXEC)};
    return w->epoll < 0 ? error_set_errno(err, ERROR_KERNEL, errno, "epoll_create1") : 0;
}

void worker_close(struct worker *w)
{
    if (w->epoll >= 0) {
        (void)close(w->epoll); /* nothing can be lost */
    }
    w->epoll = -1;
}

int worker_watch(struct worker *w, struct watch *watch, uint32_t events)
{
    if (!w || watch->events == events) {
        return 0;
    }
    /* Paused ones are taken out: epoll reports hang-ups whatever one waits for, and would spin. */
    int operation = events == 0 ? EPOLL_CTL_DEL : watch->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    struct epoll_event event = {.events = events, .data.ptr = watch};
    if (epoll_ctl(w->epoll, operation, watch->fd, &event) < 0) {
        return -errno;
    }
    watch->events = events;
    return 0;
}

void worker_run(struct worker *w)
{
    struct epoll_event events[EVENTS_AT_ONCE];
    while (!w->stop) {
        int n = epoll_wait(w->epoll, events, EVENTS_AT_ONCE, -1);
        for (int i = 0; i < n && !w->stop; i++) {
            struct watch *watch = events[i].data.ptr;
            /* An earlier one of this batch may have paused it. */
            if (watch->events != 0) {
                watch->ready(watch, events[i].events);
            }
        }
    }
}
