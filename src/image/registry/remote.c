// SPDX-License-Identifier: Apache-2.0
#include "image/registry/remote.h"

#include <errno.h>
#include <string.h>

#define ANSWER_BYTES_MAX ((size_t)64 << 10)

void remote_text_done(struct remote_text *t)
{
    free(t->text);
    free(t->media_type);
    *t = (struct remote_text){0};
}

static int get_text(struct registry *r, struct http *h, const char *path, const char *accept,
                    const char *digest, int64_t size, size_t max, struct remote_text *ret,
                    struct error **err)
{
    CLEANUP(http_response) struct http_response answer = {0};
    int e = registry_get(r, h, path, accept, max, &answer, err);
    if (e < 0) {
        return e;
    }
    char found[DIGEST_TEXT_BYTES];
    digest_of(str_or(answer.body.data, ""), answer.body.len, found);
    const char *said = answer.content_digest;
    if (!digest && said && digest_is_valid(said)) {
        digest = said;
    }
    if (digest && !str_equal(digest, found)) {
        return error_set(err, ERROR_CORRUPT, 0, "digest mismatch: '%s' was asked for, '%s' came",
                         digest, found);
    }
    if (size >= 0 && (size_t)size != answer.body.len) {
        return error_set(err, ERROR_CORRUPT, 0,
                         "size mismatch: '%s' is said to have %lld bytes, it has %zu", found,
                         (long long)size, answer.body.len);
    }
    ret->len = answer.body.len;
    ret->text = strbuf_take(&answer.body);
    ret->media_type = answer.content_type ? take_ptr(answer.content_type) : xstrdup("");
    memcpy(ret->digest, found, sizeof(found));
    return 0;
}

int remote_blob(struct registry *r, struct http *h, const char *digest, int64_t size, size_t max,
                struct remote_text *ret, struct error **err)
{
    CLEANUP(free) char *path = str_format("blobs/%s", digest);
    return get_text(r, h, path, NULL, digest, size, max, ret, err);
}

int remote_manifest(struct registry *r, struct http *h, const char *which, int64_t size,
                    struct remote_text *ret, json_t **ret_json, struct error **err)
{
    CLEANUP(free) char *path = str_format("manifests/%s", which);
    const char *digest = digest_is_valid(which) ? which : NULL;
    int e = get_text(r, h, path, MANIFEST_ACCEPT, digest, size, MANIFEST_BYTES_MAX, ret, err);
    return e < 0 ? e : json_parse(ret->text, ret->len, "the manifest", ret_json, err);
}

int remote_digest(struct registry *r, struct http *h, const char *tag, char ret[DIGEST_TEXT_BYTES],
                  struct error **err)
{
    CLEANUP(free) char *path = str_format("manifests/%s", tag);
    CLEANUP(http_response) struct http_response answer = {0};
    struct registry_request q = {.method = "HEAD", .path = path, .accept = MANIFEST_ACCEPT};
    int e = registry_request(r, h, &q, &answer, err);
    if (e < 0) {
        return e;
    }
    if (answer.status != 200 || !answer.content_digest || !digest_is_valid(answer.content_digest)) {
        return 0;
    }
    snprintf(ret, DIGEST_TEXT_BYTES, "%s", answer.content_digest);
    return 1;
}

int remote_put_manifest(struct registry *r, struct http *h, const char *which,
                        const char *media_type, const char *text, size_t len, struct error **err)
{
    CLEANUP(http_response) struct http_response answer = {0};
    CLEANUP(free) char *path = str_format("manifests/%s", which);
    char digest[DIGEST_TEXT_BYTES];
    struct registry_request q = {.method = "PUT",
                                 .path = path,
                                 .content_type = media_type,
                                 .body = text,
                                 .body_len = len,
                                 .body_max = ANSWER_BYTES_MAX};
    int e = registry_request(r, h, &q, &answer, err);
    if (e < 0) {
        return e;
    }
    if (answer.status / 100 != 2) {
        return error_wrap(err, registry_status_error(r, &answer, err), "the manifest");
    }
    digest_of(text, len, digest);
    const char *said = answer.content_digest;
    return !said || str_equal(said, digest)
               ? 0
               : error_set(err, ERROR_CORRUPT, 0,
                           "the registry keeps the manifest as '%s' instead of '%s'", said, digest);
}
