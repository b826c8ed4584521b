// SPDX-License-Identifier: Apache-2.0
/* Executing cloison-net, the one program that speaks netlink. It prints nothing when it succeeds; a
 * failure is one JSON object (base/error_json.h) on its standard output. Side effects: one child
 * process, waited for. */
#pragma once

#include "base/error.h"

/* The helper's nf_tables socket is ours, inherited as this descriptor, and open until this process
 * ends: the last close of such a socket waits until the kernel has freed what recent transactions,
 * anybody's, removed; 15 ms and more. */
#define NET_HELPER_FIREWALL_FD 3
#define NET_HELPER_LOCK_FD 4

/* Runs one of our programs that prints nothing, or its error as JSON, with the descriptors given.
 */
struct spawn_fd;
int net_program_run(const char *program, const char *const *arguments, const struct spawn_fd *fds,
                    size_t fd_count, struct error **err) NODISCARD;
/* Runs `cloison-net <arguments…>` (NULL-terminated, the verb first). Its error becomes *err. */
int net_helper_run(const char *const *arguments, struct error **err) NODISCARD;
/* The same, and the lock is held until the helper has ended, also when this process is killed. */
int net_helper_run_locked(const char *const *arguments, int lock_fd, struct error **err) NODISCARD;
