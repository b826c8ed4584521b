// SPDX-License-Identifier: Apache-2.0
/* A kernel made for machines, out of the distribution's source package and a list of options.
 *
 * Executes tar and the kernel's own make, which need what kernels need: gcc, make, bc, bison, flex,
 * libelf. Says what it is doing on standard error. Spec: Linux Documentation/kbuild/kconfig.rst
 * (allnoconfig, KCONFIG_ALLCONFIG). */
#pragma once

#include "base/error.h"

struct kernel_build {
    const char *source; /* a tar archive or a folder of the kernel's; a folder is not written to */
    const char *config; /* the options, one a line, on top of nothing */
    const char *out;    /* a folder: gets `bzImage` and `config`, and while it builds the rest */
    int jobs;
};

/* On a failure the compiler's first error is in the text, and `out` has build.log. */
int kernel_build(const struct kernel_build *b, struct error **err) NODISCARD;

/* Each line of the wanted options ("CONFIG_X=y") that the made configuration does not have, in
 * words; NULL: it has all. The caller frees. Pure. */
char *kernel_config_missing(const char *wanted, const char *made);
