// SPDX-License-Identifier: Apache-2.0
/* One HTTP request after the other over libcurl: no redirect is followed and no credential is sent
 * that the caller did not put in, because who may see which is registry.c's to decide. One thread
 * each; http_global_init() once before. Side effects: network. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"

struct http_request {
    const char *url;
    const char *authorization; /* "Bearer …", "Basic …" or NULL */
    const char *accept;        /* or NULL */
    const char *form;          /* sent by POST, or NULL */
    bool insecure;             /* certificates are not checked */
    int64_t offset;            /* of a range to its end; 0: the whole */
    size_t body_max;           /* of http_fetch(): more is an error */
};

struct http_response {
    long status;
    char *content_type, *location, *authenticate, *content_digest, *link;
    int64_t retry_after_seconds; /* 0: not said */
    struct strbuf body;          /* of an error, its first 64 KiB */
};
void http_response_done(struct http_response *r);
static inline void http_response_cleanup(struct http_response *r)
{
    http_response_done(r);
}

struct http;
struct http *http_new(void); /* NULL is never returned */
void http_free(struct http *h);
DEFINE_CLEANUP(http, struct http *, http_free)

int http_global_init(struct error **err) NODISCARD;

/* The whole answer, whatever its status. ERROR_NETWORK when there is none: -ECONNREFUSED,
 * -EHOSTUNREACH (no such host) and -EPROTO (TLS) say that trying again is of no use. */
int http_fetch(struct http *h, const struct http_request *q, struct http_response *ret,
               struct error **err) NODISCARD;

/* The same in pieces: begins, and returns when the status is known. */
int http_stream_begin(struct http *h, const struct http_request *q, struct http_response *ret,
                      struct error **err) NODISCARD;
/* The next bytes, valid until the next call; 0 at the end of the answer; -errno when the connection
 * broke or a signal came. */
ssize_t http_stream_read(struct http *h, const void **ret_bytes, struct error **err);
void http_stream_end(struct http *h);
