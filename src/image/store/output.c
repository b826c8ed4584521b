// SPDX-License-Identifier: Apache-2.0
#include "image/store/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "base/file.h"

int output_open(const char *path, struct output *ret, struct error **err)
{
    struct stat st;
    *ret = (struct output){.path = path, .fd = STDOUT_FILENO};
    if (!path && isatty(STDOUT_FILENO)) {
        int r = error_set(err, ERROR_USAGE, 0, "refusing to write an archive to a terminal");
        return error_hint(err, r, "redirect it, or use --output");
    }
    if (!path) {
        return 0;
    }
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
        ret->fd = open_file(AT_FDCWD, path, O_WRONLY, 0, err);
        return ret->fd < 0 ? ret->fd : 0;
    }
    CLEANUP(free) char *tag = random_hex(6);
    CLEANUP(free) char *tmp = str_format("%s.%s", path, tag);
    ret->fd = open_file(AT_FDCWD, tmp, O_WRONLY | O_CREAT | O_EXCL, 0600, err);
    ret->tmp = ret->fd < 0 ? NULL : take_ptr(tmp);
    return ret->fd < 0 ? ret->fd : 0;
}

int output_close(struct output *o, int result, struct error **err)
{
    if (o->tmp && result >= 0 && (fsync(o->fd) < 0 || rename(o->tmp, o->path) < 0)) {
        result = error_set_errno(err, ERROR_KERNEL, errno, "writing '%s'", o->path);
    }
    if (o->tmp && result < 0) {
        (void)unlink(o->tmp);
    }
    free(take_ptr(o->tmp));
    if (o->path) {
        o->fd = fd_close(o->fd);
    }
    return result;
}
