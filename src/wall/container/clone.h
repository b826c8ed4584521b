// SPDX-License-Identifier: Apache-2.0
/* The clone: one clone3 into the cgroup with the plan's namespaces, or two with a process in
 * between (the relay) where something must be entered first. Either way the child is the caller's.
 *
 * Side effects: processes. The caller has one thread. man 2 clone. */
#pragma once

#include "wall/container/apply.h"

struct clone_request {
    struct apply apply; /* the child's state as it is to begin; its channel is the child's end */
    int parent_channel; /* closed in the child */
    int cgroup_fd;      /* the v2 group to be born in, or -1 */
};

/* *ret_pidfd is the caller's to close. On failure nothing is left behind. */
int clone_child(const struct clone_request *request, pid_t *ret_pid, int *ret_pidfd,
                struct error **err) NODISCARD;
