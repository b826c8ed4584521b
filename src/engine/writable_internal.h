// SPDX-License-Identifier: Apache-2.0
/* The two ways of a limit, for writable.c. */
#pragma once

#include <stdint.h>

#include "base/error.h"

/* Limits what is in the container's folders upper/ and work/: 1, or 0 when the file system has no
 * project quotas that are enforced. */
int writable_quota_set(const char *folder, uint64_t bytes, struct error **err) NODISCARD;
void writable_quota_clear(const char *folder);

/* Makes the image, with the skeleton's folders in it. */
int writable_disk_make(const char *image, const char *skeleton, uint64_t bytes,
                       struct error **err) NODISCARD;
int writable_disk_mount(const char *image, const char *at, struct error **err) NODISCARD;
