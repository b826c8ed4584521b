// SPDX-License-Identifier: Apache-2.0
/* Small reads and writes of a group's files, shared by the cgroup_*.c files alone.
 *
 * A group is named by its path, a file by its name below. Side effects: those of the file written.
 * No state. Specification: cgroup-v2.rst "Interface Files". */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "wall/container/cgroup.h"

#define CGROUP_PATH_BYTES 4096

/* "<group>/<file>" in a buffer of CGROUP_PATH_BYTES; -ENAMETOOLONG. */
int cgroup_file_path(const char *group, const char *file, char *ret) NODISCARD;
/* open(2) with O_CLOEXEC: the fd, or -errno. */
int cgroup_file_open(const char *group, const char *file, int flags) NODISCARD;
/* One write(2): 0 or -errno. */
int cgroup_file_write(const char *group, const char *file, const char *value) NODISCARD;
/* Reads at most size-1 bytes and ends them with NUL: their number, or -errno. */
ssize_t cgroup_file_read(const char *group, const char *file, char *text, size_t size) NODISCARD;
/* A file of one number ("max" and v1's huge "unlimited" give -1), or -1 when it cannot be read. */
int64_t cgroup_file_number(const char *group, const char *file);
/* The number behind `key` at the beginning of a line, or -1. */
int64_t cgroup_text_value(const char *text, const char *key);
/* The group that has the controller, or NULL. */
const struct cgroup_group *cgroup_set_group(const struct cgroup_set *set, enum cgroup_controller c);
/* The v2 group, or NULL. */
const struct cgroup_group *cgroup_set_unified(const struct cgroup_set *set);
/* The group by which members are listed: v2's, else the freezer's, else any; NULL in an empty set.
 */
const struct cgroup_group *cgroup_set_leading(const struct cgroup_set *set);

/* Calls `each` for the group and every one below it, the deepest first. Stops at a negative return
 * and gives it back. */
int cgroup_walk(const char *group, int (*each)(const char *path, void *context), void *context);
/* rmdir of what is below the group and of the group: 0, or -errno. A missing one is success. */
int cgroup_remove_folders(const char *group) NODISCARD;
/* The processes in the group and below: appended, unsorted. 0 or -errno. */
int cgroup_collect(const char *group, pid_t **pids, size_t *count) NODISCARD;
