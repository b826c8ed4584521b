// SPDX-License-Identifier: Apache-2.0
/* The lock-in: what the monitor of a machine gives up before the first guest instruction, so that a
 * guest that takes it over holds a process that can reach nothing but its own descriptors.
 *
 *     lock_in_enter()        first thing: namespaces of its own (user, pid, mount, network, IPC,
 *                            UTS, cgroup). In the pid namespace's first process it returns 0; else
 *                            it makes that process, waits for it, and returns its end.
 *     lock_in_descriptors()  before anything is opened: closes what the spec does not name
 *     lock_in_process()      when everything is open, one thread: empty root, no capability,
 *                            no_new_privs, limits
 *     lock_in_thread()       in each thread, last: its list of system calls; any other ends the
 *                            process
 * docs/vm.md lists what is left. Spec: man 7 namespaces, pivot_root(2), seccomp(2). */
#pragma once

#include "base/error.h"

/* 0: go on. 1: this is the waiting parent, *ret_status is what it exits with. */
int lock_in_enter(int *ret_status, struct error **err) NODISCARD;

/* Closes all but 2 and those of the list; 0 and 1, unless named, become /dev/null. */
int lock_in_descriptors(const int *fds, size_t count, struct error **err) NODISCARD;

int lock_in_process(struct error **err) NODISCARD;

enum lock_in_kind { LOCK_IN_WORKER, LOCK_IN_VCPU };
/* 0 or -errno; allocates, so before the first guest instruction. */
int lock_in_thread(enum lock_in_kind kind) NODISCARD;
