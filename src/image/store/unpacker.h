// SPDX-License-Identifier: Apache-2.0
/* The confined processes that unpack layers. One process is forked when the store is opened, before
 * there are threads and before any credentials are read, and locked into the command's temporary
 * folder (confine.h); for each layer it forks another one, locked further into that layer's folder.
 *
 *     parent                       unpacker              one for each layer
 *     unpacker_start() ──fork────► waits
 *     unpacker_run()   ──job─────► forks ──────────────► confined; pass_run()
 *                      ──bytes of the source───────────►
 *                      ◄────────────digests, or an error as JSON
 *     unpacker_stop()              ends
 * Nothing that the confined process says is a path that the parent follows but below the layer's
 * own folder. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <sys/types.h>

#include "image/store/flusher.h"
#include "image/store/pass.h"

struct unpacker {
    pid_t pid; /* 0: none */
    int sock;
    pthread_mutex_t lock;
    bool ready; /* it has said that it is locked in; under the lock */
    int disk;   /* what is unpacked is written to it early, see flusher.h; -1: no matter when */
    struct flusher flusher;
};

/* `folder`: the temporary folder; `disk`: borrowed. One thread. Does not wait for it:
 * unpacker_run() does. */
int unpacker_start(int folder, int disk, struct unpacker *ret, struct error **err) NODISCARD;
/* pass_run() elsewhere; `path` is the layer's folder, relative to the temporary one. Any thread. */
int unpacker_run(struct unpacker *u, const struct pass_request *request, struct source *source,
                 const char *path, int blob, struct pass_result *ret, struct error **err) NODISCARD;
void unpacker_stop(struct unpacker *u);
