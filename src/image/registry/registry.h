// SPDX-License-Identifier: Apache-2.0
/* One repository at one address of a registry (OCI distribution specification 1.1, "Pull"): tokens,
 * redirects, retries with back-off, resumed blobs. Threads: registry_* may be called from several
 * at once, each with its own struct http. Side effects: network.
 *
 * Credentials go to the address itself and to the token service that it names; never to where it
 * redirects, which is another's store. */
#pragma once

#include <pthread.h>

#include "image/registry/auth.h"
#include "image/registry/registry_settings.h"
#include "image/store/source.h"

struct registry {
    char *name;       /* as the user knows it: "docker.io" */
    char *url;        /* "https://registry-1.docker.io" */
    char *repository; /* "library/nginx" */
    bool insecure, is_mirror;
    struct credentials credentials;
    pthread_mutex_t lock;
    char *authorization; /* the token, once got */
};
int registry_open(const char *name, const struct registry_address *address, const char *repository,
                  struct registry *ret, struct error **err) NODISCARD;
void registry_close(struct registry *r);

/* GET /v2/<repository>/<path>, of status 200. ERROR_NOT_FOUND, ERROR_DENIED, ERROR_NETWORK. */
int registry_get(struct registry *r, struct http *h, const char *path, const char *accept,
                 size_t body_max, struct http_response *ret, struct error **err) NODISCARD;

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

/* Waits before trying again: 0, or -EINTR with the error set. */
int registry_back_off(int attempt, int64_t asked_seconds, struct error **err) NODISCARD;
