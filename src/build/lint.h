// SPDX-License-Identifier: Apache-2.0
/* --check: what is not wrong and yet a mistake, mostly. The rules' names are BuildKit's. A
 * "check=skip=RULE,…;error=true" directive is heeded. Pure but for printing. */
#pragma once

#include "build/build.h"

/* Prints each on standard output. The exit status: 1 when there was one. */
int lint_print(const struct build *b);
