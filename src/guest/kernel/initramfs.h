// SPDX-License-Identifier: Apache-2.0
/* The initramfs of a machine: the guest's first program and the modules that it needs to reach its
 * disks and its host, no more.
 *
 *     /init               the program
 *     /modules/order      the modules' names, one a line, in the order in which to load them
 *     /modules/NAME.ko    unpacked
 *
 * Modules that the kernel has built in are left out; those that a kernel must have are named when
 * they are missing. Dependencies come from libkmod. Side effects: reads modules. Made once per
 * kernel and version of ours; the caller caches it. */
#pragma once

#include "base/error.h"
#include "base/str.h"

struct initramfs_settings {
    const char *modules_dir; /* /lib/modules/RELEASE; NULL: the kernel has all built in */
    const char *init;        /* a static program */
    char *const *extra;      /* NULL-terminated or NULL: "PATH=FILE" is a further program, a name
                              without = a further module, if the kernel has it */
};

/* The archive's bytes in *ret. */
int initramfs_make(const struct initramfs_settings *s, struct strbuf *ret,
                   struct error **err) NODISCARD;
