// SPDX-License-Identifier: Apache-2.0
/* One question to a registry on this machine's loopback, over plain HTTP: which digest a tag leads
 * to. What needs more, a name that must be looked up, TLS, a login, a proxy, a redirect or
 * patience, is not for this module: it then knows nothing, and cloison-image asks again with all it
 * has. */
#pragma once

#include <stdbool.h>

#include "image/reference.h"
#include "image/store/digest.h"

/* `url`: "http://host:port" of registry_addresses(). False when there is no answer to go by. Side
 * effects: network, a second's waiting at most. */
bool head_digest(const char *url, const char *repository, const char *tag,
                 char ret[DIGEST_TEXT_BYTES]);

/* The digest in an answer to a HEAD (distribution specification, "Checking if content exists in the
 * registry"): of status 200, whole, and valid. Pure. */
bool head_parse(const char *bytes, size_t len, char ret[DIGEST_TEXT_BYTES]);
