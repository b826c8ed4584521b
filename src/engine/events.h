// SPDX-License-Identifier: Apache-2.0
/* What happened to containers, one JSON object a line, in <run_dir>/events.jsonl: {"time","action",
 * "id","name","image","exitCode"?}. Actions: create, start, die, oom, pids-limit, pause, unpause,
 * health, destroy. Appended whole by whoever does it; past EVENTS_BYTES_MAX the file becomes
 * events.jsonl.1. A write that fails is not an error of the action. */
#pragma once

#include "engine/container.h"

#define EVENTS_BYTES_MAX (1 << 20)

void event_write(const struct engine *e, const struct container *c, const char *action,
                 int exit_code);
