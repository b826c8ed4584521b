// SPDX-License-Identifier: Apache-2.0
/* Telling a process from its number's next owner. Reads /proc. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

/* Field 22 of /proc/<pid>/stat, or 0 when there is no such process. */
uint64_t process_start_time(int proc_fd, pid_t pid);
