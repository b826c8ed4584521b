// SPDX-License-Identifier: Apache-2.0
/* Starting a container's monitor, and hearing from it how the start went.
 *
 *     monitor_prepare()   the run folder, monitor.lock taken, state.json "created"
 *     monitor_spawn()     executes cloison-monitor, sealed, in a session of its own
 *     monitor_await()     until FRAME_STARTED or FRAME_FAILED
 *
 * What the monitor inherits: MONITOR_FD_CLIENT, a socket of the attach protocol to the starting
 * command; MONITOR_FD_LOCK, monitor.lock held; MONITOR_FD_OBJECT, the container's lock held, which
 * it closes once started. It inherits no terminal, no environment but PATH, no blocked signal.
 * Its arguments: DATA RUN CONFIG ID FLAGS (enum monitor_flags).
 *
 * Side effects: a process and the files named. Specification: man 2 vfork, execveat, flock. */
#pragma once

#include "engine/attach.h"
#include "engine/container.h"

enum { MONITOR_FD_CLIENT = 3, MONITOR_FD_LOCK, MONITOR_FD_OBJECT };

struct monitor_handle {
    int sock;         /* to the monitor */
    int lock, object; /* before monitor_spawn(): the locks to hand over */
    pid_t pid;
};

#define MONITOR_HANDLE_NONE                                                                        \
    {                                                                                              \
        .sock = -1, .lock = -1, .object = -1                                                       \
    }

enum monitor_flags {
    MONITOR_FOREGROUND = 1, /* the starting command sends FRAME_ATTACH at once */
    MONITOR_TIMING = 2,     /* send FRAME_TIMING */
};

/* `object_take` is the container's lock (container_lock, container_reserve); kept, closed on
 * failure too. `fresh`: the container goes should its start fail. */
int monitor_prepare(const struct engine *e, struct container *c, bool fresh, int object_take,
                    struct monitor_handle *ret, struct error **err) NODISCARD;
/* `attach`: the streams to attach from the start, or NULL (then without MONITOR_FOREGROUND). */
int monitor_spawn(const struct engine *e, const struct container *c, unsigned flags,
                  const struct frame_attach *attach, struct monitor_handle *m,
                  struct error **err) NODISCARD;

/* Told the phases while waiting; NULL: nobody listens. */
typedef void monitor_timing(void *context, const char *phase, int64_t monotonic_ns);
int monitor_await(struct monitor_handle *m, monitor_timing *timing, void *context,
                  struct error **err) NODISCARD;

/* Closes what is open. The monitor lives on. */
void monitor_handle_done(struct monitor_handle *m);
static inline void monitor_handle_cleanup(struct monitor_handle *m)
{
    monitor_handle_done(m);
}
