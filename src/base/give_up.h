// SPDX-License-Identifier: Apache-2.0
/* What a process gives up for good that serves somebody it does not trust.
 *
 *     give_up_files()         in a mount namespace of its own, with CAP_SYS_ADMIN over it: an
 * empty, read-only tmpfs becomes the root and the host's tree goes give_up_capabilities()  every
 * capability in every set, and that execve(2) could give any Both are for processes of one thread.
 * Errors name the step. Spec: pivot_root(2), capabilities(7). */
#pragma once

#include "base/error.h"

int give_up_files(struct error **err) NODISCARD;
int give_up_capabilities(struct error **err) NODISCARD;
