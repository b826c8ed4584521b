// SPDX-License-Identifier: Apache-2.0
/* The confinement of the program that serves shared folders: what remains to it is its shares.
 *
 * Namespaces of its own (mount, network, IPC, UTS; the PID one is whoever's started it), an empty
 * read-only root with its own /proc/self/fd as the working folder, the few capabilities by which
 * files are given to others, no_new_privs, a list of system calls. Unlike the machine's monitor it
 * keeps the host's users: files are theirs. Spec: man 2 pivot_root, 7 capabilities, 2 seccomp. */
#pragma once

#include <stdbool.h>

#include "base/error.h"

/* `is_guest`: inside a machine, where the attributes of overlay file systems are read and written
 * too (CAP_SYS_ADMIN), and other users' processes looked at (CAP_SYS_PTRACE). */
int confine(bool is_guest, struct error **err) NODISCARD;
