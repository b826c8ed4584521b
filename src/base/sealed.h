// SPDX-License-Identifier: Apache-2.0
/* Executing our own programs so that nothing they isolate can open them for writing.
 *
 * A process inside a container can reach the file of whatever executes into it through
 * /proc/PID/exe, and overwrite the host's program (the class of CVE-2019-5736). Opened through a
 * read-only clone of its mount that is attached nowhere, it cannot be: every open for writing
 * answers EROFS, and no path leads to the writable mount. Where the kernel cannot clone a mount
 * (before 5.12), a sealed copy in memory does the same at the price of copying.
 *
 * Side effects: a detached mount or memory that lives as long as the fd and the process. Spec: man
 * 2 open_tree, mount_setattr, memfd_create (F_SEAL_WRITE). */
#pragma once

#include "base/error.h"

/* Opens a program so. Returns an fd for execveat(fd, "", argv, envp, AT_EMPTY_PATH). */
int sealed_open(const char *path, struct error **err) NODISCARD;

/* Executes this process's own program again, sealed, with the same arguments; returns at once when
 * it already runs so. argv[0] becomes the program's path, by which program_path() finds the others.
 */
int sealed_reexecute(struct error **err) NODISCARD;
