// SPDX-License-Identifier: Apache-2.0
/* What a folder takes. Reads the folder; no other side effect. */
#pragma once

#include <stdint.h>

#include "engine/container.h"

/* The bytes of all files below the path, hard links once; 0 when there is none. Never follows
 * symlinks, nor leaves the file system. */
int64_t disk_usage(const char *path);

/* The same of what a container has written. */
int64_t disk_usage_of_container(const struct engine *e, const struct container *c);
