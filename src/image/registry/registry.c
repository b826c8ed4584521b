// SPDX-License-Identifier: Apache-2.0
#include "image/registry/registry.h"

#include <assert.h>
#include <curl/curl.h>
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "base/json.h"
#include "image/store/interrupt.h"

#define REDIRECTS_MAX 10
#define ATTEMPTS_MAX 5
#define BACK_OFF_MS 250
#define BACK_OFF_MAX_MS 30000

int registry_open(const char *name, const struct registry_address *address, const char *repository,
                  struct registry *ret, struct error **err)
{
    struct registry r = {.insecure = address->insecure, .is_mirror = address->is_mirror};
    /* A mirror is another registry: it has credentials of its own. */
    const char *host = address->is_mirror ? strstr(address->url, "//") + 2 : name;
    int e = credentials_load(host, &r.credentials, err);
    if (e < 0) {
        return e;
    }
    r.name = xstrdup(name);
    r.url = xstrdup(address->url);
    r.repository = xstrdup(repository);
    *ret = r;
    int code = pthread_mutex_init(&ret->lock, NULL);
    assert(code == 0); /* a plain one cannot fail on Linux */
    return 0;
}

void registry_close(struct registry *r)
{
    if (r->url) {
        (void)pthread_mutex_destroy(&r->lock);
    }
    free(r->name);
    free(r->url);
    free(r->repository);
    free(r->authorization);
    credentials_done(&r->credentials);
    *r = (struct registry){0};
}

int registry_back_off(int attempt, int64_t asked_seconds, struct error **err)
{
    int64_t ms = (int64_t)BACK_OFF_MS << (attempt < 8 ? attempt : 8);
    if (asked_seconds * 1000 > ms) {
        ms = asked_seconds * 1000;
    }
    int wait = ms > BACK_OFF_MAX_MS ? BACK_OFF_MAX_MS : (int)ms;
    (void)poll(NULL, 0, wait); /* a signal ends it early, and is seen below */
    return interrupt_check(err);
}

static char *token(struct registry *r)
{
    pthread_mutex_lock(&r->lock);
    char *copy = xstrdup(r->authorization);
    pthread_mutex_unlock(&r->lock);
    return copy;
}

/* Another thread may have got a newer token than `used` meanwhile: then that one is taken. */
static int renew_token(struct registry *r, struct http *h, const char *challenge, const char *used,
                       struct error **err)
{
    pthread_mutex_lock(&r->lock);
    int e = 0;
    if (str_equal(used, r->authorization)) {
        char *fresh = NULL;
        e = auth_answer(h, challenge, &r->credentials, r->repository, r->insecure, &fresh, err);
        if (e >= 0) {
            free(r->authorization);
            r->authorization = fresh;
        }
    }
    pthread_mutex_unlock(&r->lock);
    return e;
}

static char *url_part(CURLU *u, CURLUPart part)
{
    char *text = NULL;
    CURLUcode code = curl_url_get(u, part, &text, CURLU_DEFAULT_PORT);
    char *copy = code == CURLUE_OK ? xstrdup(text) : NULL;
    curl_free(text);
    return copy;
}

/* Where `location` leads from `url`; *ret_same: the same scheme, host and port. */
static int follow(const char *url, const char *location, bool insecure, char **ret, bool *ret_same,
                  struct error **err)
{
    CURLU *from = curl_url(), *to = curl_url();
    bool good = curl_url_set(from, CURLUPART_URL, url, 0) == CURLUE_OK &&
                curl_url_set(to, CURLUPART_URL, url, 0) == CURLUE_OK &&
                curl_url_set(to, CURLUPART_URL, location, 0) == CURLUE_OK;
    *ret = good ? url_part(to, CURLUPART_URL) : NULL;
    *ret_same = good;
    static const CURLUPart parts[] = {CURLUPART_SCHEME, CURLUPART_HOST, CURLUPART_PORT};
    for (size_t i = 0; i < ARRAY_SIZE(parts) && good; i++) {
        CLEANUP(free) char *a = url_part(from, parts[i]);
        CLEANUP(free) char *b = url_part(to, parts[i]);
        *ret_same = *ret_same && str_equal(a, b);
    }
    curl_url_cleanup(from);
    curl_url_cleanup(to);
    bool safe = *ret && (str_starts(*ret, "https://") ||
                         (str_starts(*ret, "http://") && (insecure || str_starts(url, "http://"))));
    if (!safe) {
        free(take_ptr(*ret));
        return error_set(err, ERROR_NETWORK, EPROTO, "an unsafe redirect to '%s' is not followed",
                         location);
    }
    return 0;
}

static bool is_redirect(long status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* One request with its redirects and its token. The answer may have any status. */
static int request_once(struct registry *r, struct http *h, const char *path, const char *accept,
                        int64_t offset, bool stream, size_t body_max, struct http_response *ret,
                        struct error **err)
{
    CLEANUP(free)
    char *url = str_format("%s/v2/%s/%s", r->url, r->repository, path);
    CLEANUP(free) char *authorization = token(r);
    bool renewed = false, home = true;
    for (int hops = 0; hops < REDIRECTS_MAX; hops++) {
        struct http_request q = {.url = url,
                                 .authorization = home ? authorization : NULL,
                                 .accept = accept,
                                 .insecure = r->insecure,
                                 .offset = offset,
                                 .body_max = body_max};
        http_response_done(ret);
        int e = stream ? http_stream_begin(h, &q, ret, err) : http_fetch(h, &q, ret, err);
        if (e < 0) {
            return e;
        }
        if (is_redirect(ret->status) && ret->location) {
            char *next = NULL;
            bool same = false;
            e = follow(url, ret->location, r->insecure, &next, &same, err);
            if (e < 0) {
                return e;
            }
            home = home && same;
            free(url);
            url = next;
        } else if (ret->status == 401 && ret->authenticate && home && !renewed) {
            CLEANUP(free) char *challenge = take_ptr(ret->authenticate);
            renewed = true;
            e = renew_token(r, h, challenge, authorization, err);
            if (e < 0) {
                return e;
            }
            free(authorization);
            authorization = token(r);
        } else {
            return 0;
        }
    }
    return error_set(err, ERROR_NETWORK, ELOOP, "too many redirects");
}

/* The registry's own words, {"errors":[{"code","message"}]}, or "". The caller frees. */
static char *words_of(const struct http_response *answer)
{
    CLEANUP(json) json_t *json = NULL;
    if (!answer->body.len ||
        json_parse(answer->body.data, answer->body.len, "answer", &json, NULL) < 0) {
        return xstrdup("");
    }
    const json_t *first = json_array_get(json_object_get(json, "errors"), 0);
    const char *code = json_string_value(json_object_get(first, "code"));
    const char *message = json_string_value(json_object_get(first, "message"));
    return code || message ? str_format(": %s", message ? message : code) : xstrdup("");
}

static int status_error(struct registry *r, const struct http_response *answer, struct error **err)
{
    CLEANUP(free) char *words = words_of(answer);
    long status = answer->status;
    if (status == 404) {
        return error_set(err, ERROR_NOT_FOUND, ENOENT, "not found at '%s'%s", r->name, words);
    }
    if (status == 401 || status == 403) {
        int e = error_set(err, ERROR_DENIED, EACCES, "access to '%s' is denied%s", r->repository,
                          words);
        return error_hint(err, e, "the repository does not exist or asks for a login");
    }
    if (status == 429) {
        return error_set(err, ERROR_NETWORK, EAGAIN,
                         "'%s' answers that these are too many "
                         "requests%s",
                         r->name, words);
    }
    return error_set(err, ERROR_NETWORK, EIO, "'%s' answers %ld%s", r->name, status, words);
}

/* Trying again may help. */
static bool is_passing(int result, const struct http_response *answer)
{
    return result < 0 ? result == -EIO : answer->status == 429 || answer->status >= 500;
}

static int request(struct registry *r, struct http *h, const char *path, const char *accept,
                   int64_t offset, bool stream, size_t body_max, struct http_response *ret,
                   struct error **err)
{
    for (int attempt = 0;; attempt++) {
        CLEANUP(error) struct error *why = NULL;
        int e = request_once(r, h, path, accept, offset, stream, body_max, ret, &why);
        if (e >= 0 && (ret->status == 200 || ret->status == 206)) {
            return 0;
        }
        if (attempt + 1 == ATTEMPTS_MAX || !is_passing(e, ret)) {
            return e < 0 ? error_move(err, &why, e) : status_error(r, ret, err);
        }
        e = registry_back_off(attempt, ret->retry_after_seconds, err);
        if (e < 0) {
            return e;
        }
    }
}

int registry_get(struct registry *r, struct http *h, const char *path, const char *accept,
                 size_t body_max, struct http_response *ret, struct error **err)
{
    return request(r, h, path, accept, 0, false, body_max, ret, err);
}

static int open_blob(struct registry_blob *b, struct error **err)
{
    int r = request(b->registry, b->http, b->path, NULL, b->offset, true, 0, &b->answer, err);
    if (r >= 0) {
        b->open = true;
        b->skip = b->answer.status == 206 ? 0 : b->offset;
    }
    return r;
}

/* The bytes that are new, of those that came. */
static ssize_t take_bytes(struct registry_blob *b, const void **bytes, ssize_t n,
                          struct error **err)
{
    int64_t skipped = n < b->skip ? n : b->skip;
    b->skip -= skipped;
    *bytes = (const char *)*bytes + skipped;
    n -= (ssize_t)skipped;
    b->offset += n;
    if (b->offset > b->size) {
        return error_set(err, ERROR_CORRUPT, 0, "more bytes come than the manifest says");
    }
    if (b->on_bytes) {
        b->on_bytes(b->context, b->offset);
    }
    return n;
}

static ssize_t read_blob(struct source *base, const void **ret_bytes, struct error **err)
{
    struct registry_blob *b = (struct registry_blob *)base;
    for (;;) {
        int r = b->open ? 0 : open_blob(b, err);
        if (r < 0) {
            return r;
        }
        CLEANUP(error) struct error *why = NULL;
        ssize_t n = http_stream_read(b->http, ret_bytes, &why);
        if (n > 0) {
            n = take_bytes(b, ret_bytes, n, err);
            if (n == 0) {
                continue; /* all of it had come before */
            }
            b->attempts = 0;
            return n;
        }
        if (n == 0 && b->offset == b->size) {
            return 0;
        }
        if (n == 0) {
            n = error_set(&why, ERROR_NETWORK, EIO, "the connection ends early");
        }
        b->open = false;
        if (n != -EIO || ++b->attempts == ATTEMPTS_MAX) {
            return error_move(err, &why, (int)n);
        }
        r = registry_back_off(b->attempts, 0, err);
        if (r < 0) {
            return r;
        }
    }
}

void registry_blob_init(struct registry_blob *b, struct registry *r, const char *digest,
                        int64_t size)
{
    *b = (struct registry_blob){.base.read = read_blob, .registry = r, .size = size};
    b->http = http_new();
    b->path = str_format("blobs/%s", digest);
}

void registry_blob_done(struct registry_blob *b)
{
    http_free(b->http);
    free(b->path);
    http_response_done(&b->answer);
    *b = (struct registry_blob){0};
}
