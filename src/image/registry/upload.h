// SPDX-License-Identifier: Apache-2.0
/* One blob to a registry (distribution specification, "Pushing blobs"): left alone where it is
 * there, mounted from another repository of the registry where it is known to be, else sent: in one
 * piece, in pieces where the registry takes no large ones, going on where a connection broke. Side
 * effects: network. */
#pragma once

#include "image/registry/registry.h"

struct upload {
    const char *digest;
    int fd; /* borrowed; its whole content; -1: it is not at hand, ERROR_NOT_FOUND when it must be
             */
    int64_t size;
    const struct strv *others; /* repositories that may have it */
    void (*on_sent)(void *context, int64_t sent);
    void *context;
};
enum upload_result { UPLOAD_EXISTED, UPLOAD_MOUNTED, UPLOAD_SENT };
/* Any thread, each its own http. `ret` may be NULL. */
int upload_blob(struct registry *r, struct http *h, const struct upload *u, enum upload_result *ret,
                struct error **err) NODISCARD;
