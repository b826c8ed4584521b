// SPDX-License-Identifier: Apache-2.0
/* Starting one of the project's own programs, which are beside the running one or in libexec, or
 * one of the system's.
 *
 * Side effects: a process, which the caller waits for. From any single-threaded process.
 * Specification: man 3 posix_spawn. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"

struct spawn_fd {
    int fd, as; /* borrowed; what it becomes in the program */
};

/* Starts `name` with the arguments behind its name (NULL-terminated), no environment, and no signal
 * blocked or ignored, whatever its starter does with its own. */
int program_spawn(const char *name, const char *const *arguments, const struct spawn_fd *fds,
                  size_t fd_count, pid_t *ret_pid, struct error **err) NODISCARD;
/* Waits for its end: the status as of waitpid(2), or -errno. */
int program_wait(pid_t pid, int *ret_status) NODISCARD;

/* Runs a program of the system's to its end: arguments[0] is looked for in the usual folders. Its
 * last words are the error's; the first line of its output, when wanted, is the caller's to free.
 * ERROR_NOT_FOUND when it is not installed. */
int run_program(const char *const *arguments, char **ret_line, struct error **err) NODISCARD;
