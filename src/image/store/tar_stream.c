// SPDX-License-Identifier: Apache-2.0
#include "image/store/tar_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>

#include "base/file.h"

static void *write_tar(void *context)
{
    struct tar_stream *s = context;
    IGNORE(tree_tar_folder(&s->tar, s->folder, &s->error)); /* tar_stream_close() tells */
    fd_close(s->tar.fd);
    return NULL;
}

int tar_stream_open(int folder, bool is_upper, struct tar_stream *ret, struct error **err)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "making a pipe");
    }
    *ret = (struct tar_stream){
        .tar = {.is_upper = is_upper, .fd = ends[1]}, .folder = folder, .fd = ends[0]};
    ret->tar.bytes = &ret->bytes;
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    (void)sigaction(SIGPIPE, &ignore,
                    NULL); /* a reader that gives up is an error of the writer's */
    if (pthread_create(&ret->thread, NULL, write_tar, ret) != 0) {
        fd_close(ends[0]);
        fd_close(ends[1]);
        return error_set_errno(err, ERROR_KERNEL, EAGAIN, "making a thread");
    }
    return 0;
}

int tar_stream_close(struct tar_stream *s, int result, struct error **err)
{
    s->fd = fd_close(s->fd);
    (void)pthread_join(s->thread, NULL);
    /* A reader that was content, or was cut, has the writer's failure to tell; one that refused
     * what it read has closed the pipe on the writer. */
    bool cut = result < 0 && err && *err && (*err)->kind == ERROR_CORRUPT;
    if (!s->error || (result < 0 && !cut)) {
        error_free(take_ptr(s->error));
        return result;
    }
    if (err) {
        error_free(take_ptr(*err));
    }
    return error_move(err, &s->error, -s->error->code);
}
