// SPDX-License-Identifier: Apache-2.0
/* The verbs of cloison-compare, from their requests. Each returns an exit status, or a negative
 * errno. Numbers are in the ranges that the command line has checked; they are checked again. */
#pragma once

#include "base/json.h"

/* {"image", "command": […], "runOptions": […], "walls": […], "repeat", "probeMs", "timeoutMs",
 * "counts": […], "readyPort", "readyLog", "co2Milligrams" a kWh, "co2Source", "json", "html"}. Exit
 * status 1 when something failed behind a wall, 128 + n when a signal ended it early; the results
 * are written all the same. */
int request_compare(const json_t *request, struct error **err) NODISCARD;

/* {"answers", "rules", "comparison": files, each may be absent}: advice.h. Exit status 1 when no
 * wall is left. */
int request_advise(const json_t *request, struct error **err) NODISCARD;

/* Where the last comparison is kept. The caller frees. */
char *last_comparison_path(const char *data_dir);
