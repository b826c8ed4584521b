// SPDX-License-Identifier: Apache-2.0
/* A container's writable layer, the folders "upper" and "work", and its limit, --storage-opt size=.
 *
 * Without a limit, and where the file system has project quotas, they are in the container's
 * folder; with quotas both are of one project, whose limit it is. Else they are on a file system of
 * that size: disk.img, a sparse ext4 image beside an empty folder "disk", where writable_enter()
 * mounts it by a loop device, in a mount namespace of the calling process's own: nobody else sees
 * it, and mount and loop device go with the last process in there. So nothing is left by whoever is
 * killed. Two processes that do so at once share one loop device, and so one file system in the
 * kernel. Which of these it is, the files tell. Where the files are elsewhere, and not the host's
 * (wall_ops.files), the wall limits them. Side effects: files, quotas, mounts. Processes of one
 * thread.
 *
 *     writable_make() with the container; writable_enter() before writable_path() is used;
 *     writable_leave() before the container is removed by a process that has entered;
 *     writable_release() with its removal. */
#pragma once

#include "engine/container.h"

/* What the options ask for: bytes, 0 without a limit. `elsewhere`: the wall limits it, and says
 * what is too little. ERROR_USAGE for others than size=. */
int writable_parse(const struct strv *options, bool elsewhere, uint64_t *ret_bytes,
                   struct error **err) NODISCARD;
/* Of a container made with such options. */
uint64_t writable_bytes(const struct container *c);

/* Makes the folders. ERROR_UNSUPPORTED where they cannot be limited. */
int writable_make(const struct engine *e, const struct container *c, bool elsewhere,
                  struct error **err) NODISCARD;
/* The path of "upper" or "work". The caller frees. */
char *writable_path(const struct engine *e, const struct container *c, const char *name);
/* Nothing to do, mostly; more than once is fine. */
int writable_enter(const struct engine *e, const struct container *c, struct error **err) NODISCARD;
void writable_leave(const struct engine *e, const struct container *c);
/* Gives the project of a container's folder free. */
void writable_release(const char *folder);
