// SPDX-License-Identifier: Apache-2.0
/* One look whether a replica answers: a connection, and where it has a path the status of a GET.
 * Never blocks. Side effect: the connection.
 *
 * Use: probe_begin(); while it is not done, poll() its fd for probe_events() and probe_step();
 * probe_done(). What is not done when time is up has not answered. */
#pragma once

#include "compose/balance/replicas.h"

enum probe_state { PROBE_CONNECTING, PROBE_ASKING, PROBE_DONE };

struct probe {
    int fd;
    enum probe_state state;
    bool answers;
    char head[16]; /* "HTTP/1.1 200" */
    size_t len;
};

void probe_begin(struct probe *p, const struct replica *r);
short probe_events(const struct probe *p);
void probe_step(struct probe *p, const struct replica *r);
void probe_done(struct probe *p);
