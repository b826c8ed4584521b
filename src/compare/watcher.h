// SPDX-License-Identifier: Apache-2.0
/* The process between `compare` and what it runs: see launch.h. */
#pragma once

#include "compare/launch.h"

/* In the new process: starts, watches, reports on `reports` (struct launch_report), writes both
 * streams, then their lengths as two uint32_t, to `text` at the end. SIGTERM ends what it started.
 * Does not return. */
_Noreturn void watcher_main(const struct launch_order *order, int reports, int text);
