// SPDX-License-Identifier: Apache-2.0
#include "guest/kernel/cpio.h"

#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

static void align(struct cpio *c)
{
    while (c->out.len % 4 != 0) {
        strbuf_addc(&c->out, 0);
    }
}

void cpio_add(struct cpio *c, const char *path, mode_t mode, dev_t device, const void *bytes,
              size_t len)
{
    unsigned links = S_ISDIR(mode) ? 2 : 1;
    /* inode, mode, uid, gid, links, mtime, size, device, special device, name's length, checksum */
    strbuf_addf(&c->out, "070701%08x%08x%08x%08x%08x%08x%08zx%08x%08x%08x%08x%08zx%08x",
                ++c->next_inode, mode, 0u, 0u, links, 0u, len, 0u, 0u, major(device), minor(device),
                strlen(path) + 1, 0u);
    strbuf_add(&c->out, path, strlen(path) + 1);
    align(c);
    if (len > 0) {
        strbuf_add(&c->out, bytes, len);
        align(c);
    }
}

void cpio_end(struct cpio *c)
{
    cpio_add(c, "TRAILER!!!", 0, 0, NULL, 0);
}
