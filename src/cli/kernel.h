// SPDX-License-Identifier: Apache-2.0
/* What the commands `kernel …` share. */
#pragma once

#include "cli/commands.h"
#include "cli/engine_of.h"

/* Where kernels are kept; the caller frees. */
char *kernels_folder(const struct engine *e);
