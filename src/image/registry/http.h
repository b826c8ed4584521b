// SPDX-License-Identifier: Apache-2.0
/* HTTP over libcurl: no redirect is followed and no credential is sent that the caller did not put
 * in, because who may see which is registry.c's to decide. Side effects: network, one thread a
 * client.
 *
 *     http_global_init() once; http_client_new() for the connections; http_new() for each thread
 *     that asks; http_fetch() or http_stream_*(), one request after the other.
 * A client's thread does all the sending and receiving, so that what several threads ask of one
 * server runs over one connection where it speaks HTTP/2, and a connection is used again. A signal
 * that asks to stop (interrupt.h) ends each call within a tenth of a second. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/str.h"

/* Beside the system's certificates; members may be NULL. */
struct http_tls {
    char *authorities;       /* PEM text */
    char *certificate, *key; /* files, of ours */
};

/* Of a file's bytes. */
struct http_upload {
    int fd; /* borrowed */
    int64_t offset, bytes;
    void (*on_sent)(void *context, int64_t sent); /* from the client's thread; or NULL */
    void *context;
};

struct http_request {
    const char *method; /* NULL: GET */
    const char *url;
    const char *authorization;                         /* "Bearer …", "Basic …" or NULL */
    const char *accept, *content_type, *content_range; /* or NULL */
    const char *body;                                  /* sent as it is, or NULL */
    size_t body_len;
    const struct http_upload *upload; /* sent, or NULL */
    const struct http_tls *tls;       /* or NULL */
    bool insecure;                    /* certificates are not checked */
    int64_t offset;                   /* of a range to its end; 0: the whole */
    size_t body_max;                  /* of http_fetch(): more is an error */
    int64_t stall_seconds;            /* without a byte; 0: the usual */
};

struct http_response {
    long status;
    char *content_type, *location, *authenticate, *content_digest, *link, *range;
    int64_t content_length;      /* -1: not said */
    int64_t retry_after_seconds; /* 0: not said */
    struct strbuf body;          /* of an error, its first 64 KiB */
};
void http_response_done(struct http_response *r);
static inline void http_response_cleanup(struct http_response *r)
{
    http_response_done(r);
}

int http_global_init(struct error **err) NODISCARD;

struct http_client;
struct http_client *http_client_new(void); /* NULL is never returned */
void http_client_free(struct http_client *c);

struct http;
struct http *http_new(struct http_client *c); /* NULL is never returned; the client outlives it */
void http_free(struct http *h);
DEFINE_CLEANUP(http, struct http *, http_free)

/* The whole answer, whatever its status. ERROR_NETWORK when there is none: -ECONNREFUSED,
 * -EHOSTUNREACH (no such host) and -EPROTO (TLS) say that trying again is of no use. */
int http_fetch(struct http *h, const struct http_request *q, struct http_response *ret,
               struct error **err) NODISCARD;

/* The same in pieces: begins, and returns when the status is known. *ret must live as long. */
int http_stream_begin(struct http *h, const struct http_request *q, struct http_response *ret,
                      struct error **err) NODISCARD;
/* The next bytes, valid until the next call; 0 at the end of the answer; -errno when the connection
 * broke or a signal came. */
ssize_t http_stream_read(struct http *h, const void **ret_bytes, struct error **err);
void http_stream_end(struct http *h);
