// SPDX-License-Identifier: Apache-2.0
/* Where an archive goes: standard output, unless that is a terminal, or a file, which appears whole
 * under its name or not at all; what is no regular file (a pipe, a device) is written as it is. */
#pragma once

#include <stdbool.h>

#include "base/error.h"

struct output {
    const char *path; /* NULL: standard output; borrowed */
    char *tmp;        /* written to until it is whole; NULL: none */
    int fd;
};
int output_open(const char *path, struct output *ret, struct error **err) NODISCARD;
/* Gives the file its name when `result` is no failure, else removes it. Returns the result. */
int output_close(struct output *o, int result, struct error **err) NODISCARD;
