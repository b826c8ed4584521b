// SPDX-License-Identifier: Apache-2.0
/* A folder read as a tar stream: a thread writes it (tree_tar.h) into a pipe, so that it goes the
 * way of every other archive. Side effects: a thread, SIGPIPE is ignored from then on. */
#pragma once

#include <pthread.h>

#include "image/store/tree_tar.h"

struct tar_stream {
    struct tree_tar tar;
    int folder;    /* borrowed */
    int fd;        /* to read from */
    int64_t bytes; /* of the files' content, once it is closed */
    pthread_t thread;
    struct error *error;
};
int tar_stream_open(int folder, bool is_upper, struct tar_stream *ret,
                    struct error **err) NODISCARD;
/* Waits for the writer. Where it failed, that is why the reader's `result` is a failure, if it is
 * one: *err is replaced. Returns the result, or the writer's failure. */
int tar_stream_close(struct tar_stream *s, int result, struct error **err) NODISCARD;
