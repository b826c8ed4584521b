// SPDX-License-Identifier: Apache-2.0
/* The second half of `top`. Reads /proc, writes to standard output. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

/* The processes with both their numbers and users, and the namespaces of the first. */
void top_print_host(const pid_t *pids, size_t count, pid_t first);
/* Of a machine, whose processes are not the host's: those of its monitor, then, with the machine's
 * own /proc in the place of ours, its own. */
void top_print_monitor(pid_t first);
void top_print_inside(const pid_t *pids, size_t count);
