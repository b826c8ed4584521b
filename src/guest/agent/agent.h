// SPDX-License-Identifier: Apache-2.0
/* The agent's state, and what it does with the host's requests.
 *
 * One thread, one loop (main.c). agent_message() serves one message; agent_reap() takes in what
 * ended. Requests and replies: docs/guest-protocol.md. */
#pragma once

#include "guest/agent/session.h"
#include "guest/agent/workload.h"

struct agent {
    struct channel channel;
    struct sessions sessions;
    struct guest_workload workload;
    uint32_t workload_session; /* of the workload's first process; 0: none yet */
    int files_program;         /* cloison-fs, open; -1: there is none */
    bool oom_killed;
    bool power_off; /* asked for */
};

/* -EPROTO: the host broke the protocol, or -errno of the port. */
int agent_message(struct agent *a, const struct message *f) NODISCARD;
void agent_reap(struct agent *a);
void agent_hello(struct agent *a);
