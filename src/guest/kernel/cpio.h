// SPDX-License-Identifier: Apache-2.0
/* Writing a cpio archive of the "newc" kind, which the kernel unpacks as its initramfs. Every file
 * is root's and has the same date, so the same contents are the same bytes. Appends to a buffer.
 * Spec: Linux Documentation/driver-api/early-userspace/buffer-format.rst. */
#pragma once

#include <sys/types.h>

#include "base/str.h"

struct cpio {
    struct strbuf out;
    unsigned next_inode;
};

/* `path` without a leading '/'. For a folder or a device `len` is 0. */
void cpio_add(struct cpio *c, const char *path, mode_t mode, dev_t device, const void *bytes,
              size_t len);
/* The trailer. */
void cpio_end(struct cpio *c);
