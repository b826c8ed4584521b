// SPDX-License-Identifier: Apache-2.0
/* The processes below one, and the memory that they cost the host. Reads /proc; no side effect.
 * Specification: man 5 proc (/proc/pid/stat, smaps_rollup). */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

/* All processes below `pid`, not itself. How many; the caller frees the array. What is born or dies
 * meanwhile may be missing or too much. */
size_t processes_below(pid_t pid, pid_t **ret);

/* The sum of their proportional set sizes: each page divided by how many processes map it, so that
 * of what several instances share each has its part. A machine's memory is its monitor's. Kernel
 * memory is not in it. Processes that execute `except` (a path) are left out: the command line that
 * waits for its container is no part of it. */
int processes_pss(pid_t below, const char *except, int64_t *ret_bytes,
                  struct error **err) NODISCARD;

/* Whether one of them executes a program of which the name begins so. */
bool processes_execute(pid_t below, const char *program_prefix);
