// SPDX-License-Identifier: Apache-2.0
/* A file of the web, for ADD: redirects followed, hashed on the way. Side effects: network, a file.
 * Any thread. */
#pragma once

#include "image/store/digest.h"

struct fetch {
    const char *url, *to; /* `to`: an absolute path, made */
    const char *checksum; /* "sha256:…", or NULL */
    const char *config_path;
    char digest[DIGEST_TEXT_BYTES]; /* of what came */
    int64_t modified;               /* Last-Modified, seconds since the epoch; -1: not said */
};
/* ERROR_NETWORK, ERROR_NOT_FOUND; ERROR_CORRUPT for another checksum. */
int fetch_file(struct fetch *f, struct error **err) NODISCARD;
