// SPDX-License-Identifier: Apache-2.0
#include "image/registry/upload.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define CHUNK_BYTES ((int64_t)8 << 20) /* the first size of pieces, where the whole is refused */
#define CHUNK_BYTES_MIN ((int64_t)64 << 10)
#define MOUNTS_MAX 3 /* repositories that are tried */
#define ANSWER_BYTES_MAX ((size_t)64 << 10)

struct session { /* an upload as the registry knows it */
    struct registry *registry;
    struct http *http;
    const struct upload *upload;
    char *url; /* where the next bytes go; NULL: to be begun */
    int64_t offset;
    int64_t chunk; /* the most at once; 0: all */
    int attempts;
    struct http_response answer;
};

/* Absolute, whatever the registry wrote. */
static int keep_location(struct session *s, struct error **err)
{
    CLEANUP(free)
    char *base = str_format("%s/v2/%s/blobs/uploads/", s->registry->url, s->registry->repository);
    char *url = NULL;
    bool same = false;
    if (!s->answer.location) {
        return s->url ? 0
                      : error_set(err, ERROR_NETWORK, EPROTO,
                                  "the registry does not say where to send a blob");
    }
    int r = registry_follow(base, s->answer.location, s->registry->insecure, &url, &same, err);
    if (r >= 0) {
        free(s->url);
        s->url = url;
    }
    return r;
}

static int send_request(struct session *s, const char *method, const char *path, struct error **err)
{
    struct registry_request q = {.method = method, .path = path, .body_max = ANSWER_BYTES_MAX};
    if (str_equal(method, "POST")) {
        q.body = "";
    }
    return registry_request(s->registry, s->http, &q, &s->answer, err);
}

static int exists(struct session *s, struct error **err)
{
    CLEANUP(free) char *path = str_format("blobs/%s", s->upload->digest);
    int r = send_request(s, "HEAD", path, err);
    if (r < 0 || s->answer.status == 404) {
        return r < 0 ? r : 0;
    }
    return s->answer.status == 200 ? 1 : registry_status_error(s->registry, &s->answer, err);
}

/* 1: mounted; 0: not ours to see, or not there: then the registry has begun a session. */
static int mount(struct session *s, const char *from, struct error **err)
{
    CLEANUP(free)
    char *path = str_format("blobs/uploads/?mount=%s&from=%s", s->upload->digest, from);
    CLEANUP(error) struct error *why = NULL;
    int r = send_request(s, "POST", path, &why);
    if (r < 0) {
        return why->kind == ERROR_DENIED ? 0 : error_move(err, &why, r);
    }
    if (s->answer.status == 202) {
        r = keep_location(s, err);
    }
    return r < 0 ? r : s->answer.status == 201;
}

static int begin(struct session *s, struct error **err)
{
    s->offset = 0;
    int r = send_request(s, "POST", "blobs/uploads/", err);
    if (r < 0) {
        return r;
    }
    return s->answer.status == 202 ? keep_location(s, err)
                                   : registry_status_error(s->registry, &s->answer, err);
}

static void start_again(struct session *s)
{
    free(take_ptr(s->url));
    s->offset = 0;
}

/* The end of what the registry says that it has: "0-1023", or "bytes=0-1023". */
static int64_t range_end(const char *range)
{
    const char *dash = range ? strrchr(range, '-') : NULL;
    int64_t last = -1;
    return dash && str_to_i64(dash + 1, 10, &last) >= 0 ? last + 1 : -1;
}

/* Sends the next piece, the last one with the digest. *ret_sent: what was in it. */
static int send_piece(struct session *s, int64_t *ret_sent, struct error **err)
{
    const struct upload *u = s->upload;
    int64_t left = u->size - s->offset;
    bool last = !s->chunk || left <= s->chunk;
    *ret_sent = last ? left : s->chunk;
    CLEANUP(free)
    char *url =
        last ? str_format("%s%cdigest=%s", s->url, strchr(s->url, '?') ? '&' : '?', u->digest)
             : xstrdup(s->url);
    CLEANUP(free)
    char *range =
        str_format("%lld-%lld", (long long)s->offset, (long long)(s->offset + *ret_sent - 1));
    struct http_upload body = {u->fd, s->offset, *ret_sent, u->on_sent, u->context};
    struct registry_request q = {.method = last ? "PUT" : "PATCH",
                                 .path = url,
                                 .content_type = "application/octet-stream",
                                 .content_range = s->offset || !last ? range : NULL,
                                 .upload = &body,
                                 .once = true,
                                 .body_max = ANSWER_BYTES_MAX};
    return registry_request(s->registry, s->http, &q, &s->answer, err);
}

/* After a failure that may pass: where the registry stands, else from the start ("0-0" is how an
 * empty upload is told). */
static int resume(struct session *s, struct error **err)
{
    CLEANUP(error) struct error *why = NULL;
    int r = registry_back_off(s->attempts, s->answer.retry_after_seconds, err);
    if (r < 0) {
        return r;
    }
    r = send_request(s, "GET", s->url, &why);
    int64_t end = r >= 0 && (s->answer.status == 204 || s->answer.status == 200)
                      ? range_end(s->answer.range)
                      : -1;
    if (end <= 1 || end > s->upload->size || keep_location(s, NULL) < 0) {
        start_again(s);
    } else {
        s->offset = end;
    }
    return 0;
}

static bool may_pass(int result, long status)
{
    return result < 0 ? result == -EIO
                      : status == 429 || status == 416 || status == 404 ||
                            (status >= 500 && status != 501);
}

/* What a piece's answer means: 1: the blob is complete, 0: go on. */
static int after_piece(struct session *s, int result, int64_t sent, struct error **why,
                       struct error **err)
{
    long status = result < 0 ? 0 : s->answer.status;
    bool last = s->offset + sent == s->upload->size;
    if (status == 201 || status == 204 || (status == 202 && !last)) {
        s->offset += sent;
        s->attempts = 0;
        return last ? 1 : keep_location(s, err);
    }
    if (status == 413 && (!s->chunk || s->chunk / 2 >= CHUNK_BYTES_MIN)) {
        s->chunk = s->chunk ? s->chunk / 2 : CHUNK_BYTES;
        while (s->chunk >= s->upload->size && s->chunk / 2 >= CHUNK_BYTES_MIN) {
            s->chunk /= 2; /* smaller than what was just refused */
        }
        start_again(s);
        return 0;
    }
    if (may_pass(result, status) && ++s->attempts < REGISTRY_ATTEMPTS_MAX) {
        return resume(s, err);
    }
    return result < 0 ? error_move(err, why, result)
                      : registry_status_error(s->registry, &s->answer, err);
}

static int send_all(struct session *s, struct error **err)
{
    for (;;) {
        CLEANUP(error) struct error *why = NULL;
        int64_t sent = 0;
        int r = s->url ? 0 : begin(s, err);
        if (r < 0) {
            return r;
        }
        r = send_piece(s, &sent, &why);
        r = after_piece(s, r, sent, &why, err);
        if (r != 0) {
            return r < 0 ? r : 0;
        }
    }
}

static int upload(struct session *s, enum upload_result *ret, struct error **err)
{
    int r = exists(s, err);
    if (r != 0) {
        *ret = UPLOAD_EXISTED;
        return r;
    }
    const struct strv *others = s->upload->others;
    for (size_t i = 0; others && i < others->count && i < MOUNTS_MAX && !s->url; i++) {
        r = mount(s, others->items[i], err);
        if (r != 0) {
            *ret = UPLOAD_MOUNTED;
            return r;
        }
    }
    *ret = UPLOAD_SENT;
    return s->upload->fd >= 0
               ? send_all(s, err)
               : error_set(err, ERROR_NOT_FOUND, 0, "the registry does not mount the blob '%s'",
                           s->upload->digest);
}

int upload_blob(struct registry *r, struct http *h, const struct upload *u, enum upload_result *ret,
                struct error **err)
{
    struct session s = {.registry = r, .http = h, .upload = u};
    enum upload_result result = UPLOAD_SENT;
    int e = upload(&s, &result, err);
    http_response_done(&s.answer);
    free(s.url);
    if (e >= 0 && ret) {
        *ret = result;
    }
    return e < 0 ? e : 0;
}
