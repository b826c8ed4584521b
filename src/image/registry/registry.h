// SPDX-License-Identifier: Apache-2.0
/* One repository at one address of a registry (OCI distribution specification 1.1): tokens,
 * redirects, certificates, retries with back-off, resumed blobs. Threads: registry_* may be called
 * from several at once, each with its own struct http. Side effects: network.
 *
 *     registry_at_each() finds an address that answers and calls back with it; there
 *     http_new(r->client), registry_get(), registry_request(), registry_blob_*.
 *
 * Credentials go to the address itself and to the token service that it names; never to where it
 * redirects, which is another's store. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "image/registry/auth.h"
#include "image/registry/registry_settings.h"
#include "image/store/source.h"

struct registry {
    char *name;       /* as the user knows it: "docker.io" */
    char *url;        /* "https://registry-1.docker.io" */
    char *repository; /* "library/nginx"; "" for the registry itself */
    bool insecure, is_mirror;
    atomic_bool answered; /* something there speaks HTTP */
    int64_t timeout;
    char *certs;
    struct credentials credentials;
    struct http_client *client;
    pthread_mutex_t lock;
    /* Under the lock. */
    struct token token;   /* once got */
    char *challenge;      /* the header that it answers */
    struct strv scopes;   /* all that was asked for so far: one token for all of it */
    struct host_tls *tls; /* of the hosts that we spoke to */
};

enum {
    REGISTRY_MIRRORS = 1,  /* its mirrors will do */
    REGISTRY_INSECURE = 2, /* whatever the settings say: no certificate is checked, HTTP will do */
};
/* Calls `work` with the addresses of a registry in turn, a mirror or TLS first, until one will do:
 * see try_next() in registry.c. `flags`: of those above. */
int registry_at_each(const char *config_path, const char *name, const char *repository,
                     unsigned flags,
                     int (*work)(void *context, struct registry *r, struct error **err),
                     void *context, struct error **err) NODISCARD;

struct registry_request {
    const char *method; /* NULL: GET */
    const char *path;   /* below /v2/<repository>/, or an absolute URL that the registry gave */
    const char *accept, *content_type, *content_range; /* or NULL */
    const char *body;                                  /* or NULL */
    size_t body_len;
    const struct http_upload *upload; /* or NULL */
    int64_t offset;
    bool stream; /* http_stream_read() follows */
    bool once;   /* what it sends may arrive in part: the caller decides what then */
    size_t body_max;
};
/* Redirects are followed, challenges answered, what may pass is tried again; the answer may have
 * any other status. */
int registry_request(struct registry *r, struct http *h, const struct registry_request *q,
                     struct http_response *ret, struct error **err) NODISCARD;
/* The error that a status is: ERROR_NOT_FOUND, ERROR_DENIED, ERROR_NETWORK. */
int registry_status_error(struct registry *r, const struct http_response *answer,
                          struct error **err);

/* GET /v2/<repository>/<path>, of status 200. ERROR_NOT_FOUND, ERROR_DENIED, ERROR_NETWORK. */
int registry_get(struct registry *r, struct http *h, const char *path, const char *accept,
                 size_t body_max, struct http_response *ret, struct error **err) NODISCARD;

/* The tags of the repository, page by page. */
int registry_tags(struct registry *r, struct strv *ret, struct error **err) NODISCARD;

/* Where `location`, of an answer to `url`, leads; *ret_same: the same scheme, host and port. The
 * caller frees *ret. */
int registry_follow(const char *url, const char *location, bool insecure, char **ret,
                    bool *ret_same, struct error **err) NODISCARD;

/* A login is tried: an identity token may come of it. The registry was opened with "" for its
 * repository; `basic` is the base64 of user:password. The caller frees *ret_identity_token. */
int registry_login(struct registry *r, const char *basic, char **ret_identity_token,
                   struct error **err) NODISCARD;

/* A blob as a source: a broken connection is taken up where it broke. */
struct registry_blob {
    struct source base;
    struct registry *registry;
    struct http *http; /* its own */
    char *path;        /* "blobs/sha256:…" */
    int64_t size, offset;
    int64_t skip; /* of an answer that begins again from the start */
    int attempts;
    bool open;
    struct http_response answer;
    void (*on_bytes)(void *context, int64_t offset); /* progress, or NULL */
    void *context;
};
void registry_blob_init(struct registry_blob *b, struct registry *r, const char *digest,
                        int64_t size);
void registry_blob_done(struct registry_blob *b);

#define REGISTRY_ATTEMPTS_MAX 5
/* Waits before trying again, longer each time and never the same as others: 0, or -EINTR with the
 * error set. */
int registry_back_off(int attempt, int64_t asked_seconds, struct error **err) NODISCARD;
