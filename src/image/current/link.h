// SPDX-License-Identifier: Apache-2.0
/* A connection to a registry, plain or over TLS, for one question and its answer. What is wrong
 * with it is not told: whoever asks again with all that cloison-image has learns it. Side effects:
 * network, reads certificates. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "image/registry/http.h"

/* Without a byte, after which there is no answer. A machine that is very busy takes a second. */
#define LINK_WAIT_SECONDS 5

struct link {
    int fd;
    struct ssl_st *tls; /* NULL: plain */
    struct ssl_ctx_st *context;
};

/* To "http://HOST[:PORT]" or "https://…", HOST a number of IPv4 or "localhost": names are not
 * looked up, and where a proxy may be wanted the host must be the loopback. `tls`: the certificates
 * that the host is known by beside the system's. `insecure`: none is checked. */
bool link_open(const char *url, const struct http_tls *tls, bool insecure, struct link *ret);
bool link_send(struct link *l, const char *bytes, size_t len);
/* The next bytes; 0 at the end, or when nothing has come for LINK_WAIT_SECONDS. */
size_t link_receive(struct link *l, char *bytes, size_t max);
void link_close(struct link *l);
static inline void link_cleanup(struct link *l)
{
    link_close(l);
}
