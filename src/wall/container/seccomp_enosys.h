// SPDX-License-Identifier: Apache-2.0
/* System calls newer than the profile answer ENOSYS; and the architectures of a filter.
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
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spec/spec.h"

#define SECCOMP_X32_BIT 0x40000000u /* asm/unistd.h __X32_SYSCALL_BIT */
#define SECCOMP_LIMITS_MAX 16

/* What a filter sees as one architecture: x32 is x86_64 with a bit in the number. */
struct seccomp_limit {
    uint32_t audit_arch;
    bool x32;              /* the profile is for x32 too */
    uint32_t max, x32_max; /* the largest number named (without the bit); 0: none */
};
/* A system call that libseccomp does not know, and what happens at it. */
struct seccomp_new_call {
    uint32_t number, action;
};
struct seccomp_limits {
    struct seccomp_limit items[SECCOMP_LIMITS_MAX];
    size_t count;
    bool enosys; /* false: numbers above the largest are as the filter says */
    const struct seccomp_new_call *calls;
    size_t call_count;
};

/* "SCMP_ARCH_X86_64" as libseccomp's number, or 0. */
uint32_t seccomp_arch_number(const char *name);
/* The number of a system call that libseccomp is too old for, or -1. */
int seccomp_new_number(const char *name);

void seccomp_limits_find(const struct spec_seccomp *profile, struct seccomp_limits *ret);

/* The answer of the limits for a number (x32's with its bit): true and *ret_action when they, not
 * the filter, decide. */
bool seccomp_limits_decide(const struct seccomp_limits *l, const struct seccomp_limit *arch,
                           uint32_t number, uint32_t *ret_action);
