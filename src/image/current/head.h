// SPDX-License-Identifier: Apache-2.0
/* One question to a registry whose address is a number: which digest a tag leads to. What needs
 * more, a name that must be looked up, a login, a proxy, a redirect or patience, is not for this
 * module: it then knows nothing, and cloison-image asks again with all it has. */
#pragma once

#include <stdbool.h>

#include "image/reference.h"
#include "image/registry/http.h"
#include "image/store/digest.h"

struct head_request {
    const char *url;            /* of registry_addresses() */
    const struct http_tls *tls; /* certificates of the host */
    bool insecure;              /* none is checked */
    const char *repository, *tag;
};
/* False when there is no answer to go by. Side effects: network, a few seconds' waiting at most. */
bool head_digest(const struct head_request *q, char ret[DIGEST_TEXT_BYTES]);

/* The digest in an answer to a HEAD (distribution specification, "Checking if content exists in the
 * registry"): of status 200, whole, and valid. Pure. */
bool head_parse(const char *bytes, size_t len, char ret[DIGEST_TEXT_BYTES]);
