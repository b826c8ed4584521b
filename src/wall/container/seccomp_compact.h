// SPDX-License-Identifier: Apache-2.0
/* A filter of libseccomp rewritten so that the kernel takes it in quickly.
 *
 * Loading a filter costs by its instructions (the kernel's compiler) and by the path through it for
 * every system call there is (Linux 5.11 tries each once, to know those that are always allowed).
 * For Docker's profile libseccomp makes 1028 instructions in a chain: a millisecond at every start.
 * Here the filter is evaluated for every number, and written anew as a search tree over the ranges
 * of numbers that fare alike; what depends on arguments keeps its own instructions. Some 300
 * instructions, nine deep: under a tenth of a millisecond. Only loads, comparisons and returns are
 * used: the ones that the kernel's trial understands.
 *
 * Also puts the limits of seccomp_enosys.h in. Pure. Specification: man 2 seccomp,
 * Documentation/networking/filter.rst, kernel/seccomp.c seccomp_is_const_allow(). */
#pragma once

#include <linux/filter.h>

#include "base/str.h"
#include "wall/container/seccomp_enosys.h"

/* The new program in the arena, with *ret_count instructions. NULL when the filter has instructions
 * that libseccomp is not known to write: it must then be used as it is. */
struct sock_filter *seccomp_compact(struct arena *a, const struct sock_filter *filter, size_t count,
                                    const struct seccomp_limits *limits, size_t *ret_count);
