// SPDX-License-Identifier: Apache-2.0
/* Showing the host a folder of the machine: cloison-fs as a session's process, FUSE's messages on
 * its input and output. The program is the initramfs's, opened before that goes.
 * Side effects: a process. Spec: docs/guest-protocol.md "files". */
#pragma once

#include "guest/agent/session.h"
#include "guest/agent/workload.h"

#define FILES_PROGRAM "/bin/cloison-fs"

/* `tree` is "root" (the workload's, without what is mounted in it), "upper" (what was written over
 * the layers) or "processes" (/proc). `program` is borrowed. The process's number, or an error. */
pid_t files_start(int program, const char *tree, const struct guest_workload *g,
                  const struct wall_io *io, struct error **err);
