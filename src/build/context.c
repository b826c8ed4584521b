// SPDX-License-Identifier: Apache-2.0
#include "build/context.h"

#include <fcntl.h>
#include <stdlib.h>

#include "base/file.h"
#include "build/name_cache.h"
#include "build/stat_cache.h"

#define IGNORE_BYTES_MAX ((size_t)1 << 20)

int context_open(const char *path, struct context *ret, struct error **err)
{
    *ret = (struct context){.fd = -1};
    CLEANUP(fd) int fd = open_file(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0, err);
    if (fd < 0) {
        return error_wrap(err, fd, "the context");
    }
    ret->path = realpath(path, NULL);
    if (!ret->path) {
        return error_set_errno(err, ERROR_KERNEL, errno, "the context '%s'", path);
    }
    ret->fd = take_fd(&fd);
    return 0;
}

/* Of a folder the user controls: no link in it leads out. */
static int read_inside(int folder, const char *name, char **ret)
{
    CLEANUP(fd) int fd = open_in_root(folder, name, O_RDONLY | O_NONBLOCK, 0);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        return 0;
    }
    CLEANUP(free) char *self = str_format("/proc/self/fd/%d", fd);
    return file_read(AT_FDCWD, self, IGNORE_BYTES_MAX, ret, NULL, NULL) >= 0;
}

int context_read_ignore(struct context *c, const char *dockerfile, struct error **err)
{
    CLEANUP(free) char *text = NULL;
    CLEANUP(free)
    char *own = dockerfile ? str_format("%s.dockerignore", dockerfile) : xstrdup("");
    const char *name = own;
    if (*own && file_read(AT_FDCWD, own, IGNORE_BYTES_MAX, &text, NULL, NULL) < 0) {
        text = NULL;
    }
    if (!text) {
        name = ".dockerignore";
        if (c->fd < 0 || !read_inside(c->fd, name, &text)) {
            return 0;
        }
    }
    return ignore_parse(name, text, &c->ignore, err);
}

void context_open_caches(struct context *c, const char *data_dir)
{
    c->digests = stat_cache_open(data_dir, c->fd);
    c->names = name_cache_open(data_dir, c->fd);
}

void context_done(struct context *c)
{
    name_cache_close(c->names);
    stat_cache_close(c->digests);
    ignore_done(&c->ignore);
    fd_close(c->fd);
    if (c->temporary) {
        IGNORE(remove_tree(AT_FDCWD, c->temporary, NULL)); /* on tmpfs, or swept by the next */
    }
    free(c->temporary);
    free(c->path);
    *c = (struct context){.fd = -1};
}
