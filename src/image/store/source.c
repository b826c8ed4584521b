// SPDX-License-Identifier: Apache-2.0
#include "image/store/source.h"

#include <errno.h>
#include <unistd.h>

#include "base/str.h"
#include "image/store/interrupt.h"

static ssize_t read_fd(struct source *base, const void **ret_bytes, struct error **err)
{
    struct source_fd *s = (struct source_fd *)base;
    for (;;) {
        int r = interrupt_check(err);
        if (r < 0) {
            return r;
        }
        ssize_t n = read(s->fd, s->buffer, SOURCE_FD_BYTES);
        if (n >= 0) {
            *ret_bytes = s->buffer;
            return n;
        }
        if (errno != EINTR) {
            return error_set_errno(err, ERROR_KERNEL, errno, "reading '%s'", s->name);
        }
    }
}

void source_fd_init(struct source_fd *s, int fd, const char *name)
{
    *s = (struct source_fd){.base.read = read_fd, .fd = fd, .name = name};
    s->buffer = xmalloc(SOURCE_FD_BYTES);
}

void source_fd_done(struct source_fd *s)
{
    free(s->buffer);
    s->buffer = NULL;
}
