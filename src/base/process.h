// SPDX-License-Identifier: Apache-2.0
/* Telling a process from its number's next owner. Reads /proc; no side effect. man 5 proc. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

/* When it started, in clock ticks since the boot (stat, field 22). 0: there is no such process, or
 * all its threads have ended and it only waits to be reaped. `proc_fd`: /proc, -1 for the one that
 * is mounted there. */
uint64_t process_start_time(int proc_fd, pid_t pid);
/* From a stat's text. Pure. */
uint64_t process_start_parse(const char *stat);
