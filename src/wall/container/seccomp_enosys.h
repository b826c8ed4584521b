// SPDX-License-Identifier: Apache-2.0
/* The beginning of a filter: system calls newer than the profile answer ENOSYS.
 *
 * A C library tries a new system call and falls back to an older one when the kernel answers
 * ENOSYS; a filter's EPERM for what its author never heard of breaks that. So, as runc does: a
 * number above the largest that the profile names for the architecture answers ENOSYS, unless the
 * default action lets things through or says ENOSYS itself. System calls that the profile allows by
 * name, but that are newer than libseccomp (from 451 on all architectures number alike), are
 * decided here too.
 *
 * Pure. */
#pragma once

#include <linux/filter.h>
#include <seccomp.h>

#include "base/error.h"
#include "spec/spec.h"

#define SECCOMP_ENOSYS_MAX 160 /* instructions at most; every jump fits in 8 bits */

/* The number of a system call that libseccomp is too old for, or -1. */
int seccomp_new_number(const char *name);

/* Writes the instructions to go in front of the filter; *ret_count is 0 when none are needed.
 * `allowed` are numbers from seccomp_new_number() with their actions. */
struct seccomp_new_call {
    uint32_t number, action;
};
void seccomp_enosys(const struct spec_seccomp *profile, const struct seccomp_new_call *calls,
                    size_t call_count, struct sock_filter code[SECCOMP_ENOSYS_MAX],
                    size_t *ret_count);
