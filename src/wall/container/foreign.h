// SPDX-License-Identifier: Apache-2.0
/* Bind mounts whose source is in another container: "/proc/<pid>/root/dev/shm" (--ipc
 * container:ID).
 *
 * The path behind /proc/<pid>/root is resolved inside that root: a symlink there cannot lead to the
 * host. The kernel clones a mount only for a process of its own mount namespace (open_tree:
 * EINVAL), so this process goes there and comes back; its working directory is kept. Allocates
 * nothing; child, or a parent with one thread. Specification: man 2 open_tree, setns, openat2. */
#pragma once

#include <stdbool.h>

bool foreign_is(const char *path);
/* An O_PATH descriptor, or -errno. */
int foreign_open(const char *path);
/* A detached clone of what the descriptor is open on; `path` as given to foreign_open(). -errno. */
int foreign_clone(const char *path, int source, bool recursive);
