// SPDX-License-Identifier: Apache-2.0
/* What a caller is handed: the terminal's master over --console-socket, a pidfd over
 * --pidfd-socket, the number in --pid-file.
 *
 * Side effects: messages, the file. */
#pragma once

#include <sys/types.h>

#include "base/error.h"

/* Connects to the caller's UNIX socket. Returns the fd. */
int handover_connect(const char *option, const char *path, struct error **err) NODISCARD;
/* One message: the fd, and `name` as its bytes, which is how runc and crun send it. */
int handover_send(int sock, const char *name, int fd, struct error **err) NODISCARD;
/* A pidfd of the process, over a new connection. */
int handover_pidfd(const char *path, pid_t pid, struct error **err) NODISCARD;
/* Written whole. */
int handover_pid_file(const char *path, pid_t pid, struct error **err) NODISCARD;
