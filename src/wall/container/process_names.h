// SPDX-License-Identifier: Apache-2.0
/* The specification's names for limits, scheduling policies and priorities, as the kernel's
 * numbers. Pure. OCI runtime 1.2, config.md#posix-process, #linux-process. */
#pragma once

#include <stdint.h>

int rlimit_number(const char *name);       /* "RLIMIT_NOFILE"; negative when unknown */
int scheduler_policy(const char *name);    /* "SCHED_BATCH"; negative when unknown */
uint64_t scheduler_flag(const char *name); /* "SCHED_FLAG_RESET_ON_FORK"; 0 when unknown */
int io_priority_class(const char *name);   /* "IOPRIO_CLASS_BE"; negative when unknown */
