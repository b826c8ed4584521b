// SPDX-License-Identifier: Apache-2.0
/* Manifests and configs in a registry, whole and checked against their digest and size. Side
 * effects: network. */
#pragma once

#include "image/registry/registry.h"
#include "image/store/manifest.h"

struct remote_text { /* as it came */
    char *text;
    size_t len;
    char *media_type; /* "" when nothing said it */
    char digest[DIGEST_TEXT_BYTES];
};
void remote_text_done(struct remote_text *t);
static inline void remote_text_cleanup(struct remote_text *t)
{
    remote_text_done(t);
}

/* A small blob, of that digest and size (-1: any). ERROR_CORRUPT for another. */
int remote_blob(struct registry *r, struct http *h, const char *digest, int64_t size, size_t max,
                struct remote_text *ret, struct error **err) NODISCARD;
/* By tag or digest, of any kind: a manifest or an index. With a digest, `size` is checked too (-1:
 * any). */
int remote_manifest(struct registry *r, struct http *h, const char *which, int64_t size,
                    struct remote_text *ret, json_t **ret_json, struct error **err) NODISCARD;
/* The digest that a tag leads to, without its content: 1, or 0 when the registry does not say. */
int remote_digest(struct registry *r, struct http *h, const char *tag, char ret[DIGEST_TEXT_BYTES],
                  struct error **err) NODISCARD;

/* Puts a manifest under a tag or its digest. ERROR_CORRUPT when the registry keeps it as another.
 */
int remote_put_manifest(struct registry *r, struct http *h, const char *which,
                        const char *media_type, const char *text, size_t len,
                        struct error **err) NODISCARD;
