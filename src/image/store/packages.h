// SPDX-License-Identifier: Apache-2.0
/* mmdebstrap as a child that writes a root file system's tar into a pipe. What it says is read by a
 * thread, shown as progress, and turned into one error when it fails. Side effects: a process, a
 * thread, files below <data_dir>/cache/apt. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/str.h"

struct packages_request {
    const char *cache; /* <data_dir>/cache/apt */
    const char *suite, *variant;
    const struct strv *include, *mirrors;
    bool host_sources; /* without mirrors: the host's own */
    bool quiet;
};

struct packages {
    pid_t pid; /* -1 when it has been waited for */
    int tar;   /* to read from */
    int log;
    pthread_t reader;
    bool quiet;
    struct strbuf text; /* its messages, the reader's until it is joined */
    const struct packages_request *request;
};

int packages_start(const struct packages_request *request, struct packages *ret,
                   struct error **err) NODISCARD;
/* Waits for its end. Fails with what it could not do. */
int packages_end(struct packages *p, struct error **err) NODISCARD;
/* Stops it when it still runs. */
void packages_done(struct packages *p);
