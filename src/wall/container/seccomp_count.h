// SPDX-License-Identifier: Apache-2.0
/* How many system calls a filter lets through: its program is walked for each call with the
 * arguments unknown, so that "for some arguments" is told from "always". Pure.
 * Documentation/userspace-api/seccomp_filter.rst, man 2 seccomp. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct sock_filter;

struct seccomp_count {
    unsigned int known;   /* calls of this machine that libseccomp has a name for */
    unsigned int always;  /* allowed whatever the arguments */
    unsigned int somehow; /* allowed for some arguments */
};

/* `arch` is an AUDIT_ARCH_… */
void seccomp_count_calls(const struct sock_filter *code, size_t count, uint32_t arch,
                         struct seccomp_count *ret);
/* "312 of 465 always, 14 for some arguments", for the architecture that runs us. The caller frees.
 */
char *seccomp_count_text(const struct sock_filter *code, size_t count);
