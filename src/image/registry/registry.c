// SPDX-License-Identifier: Apache-2.0
#include "image/registry/registry.h"

#include <assert.h>
#include <curl/curl.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/json.h"
#include "image/registry/certs.h"
#include "image/store/interrupt.h"

#define HOPS_MAX 10 /* redirects and challenges */
#define RENEWALS_MAX                                                                               \
    2 /* of a token, for one request: it had expired, and another thread got one of                \
       * narrower scope meanwhile */
#define BACK_OFF_MS 250
#define BACK_OFF_MAX_MS 30000
#define RETRY_AFTER_MAX_SECONDS 120 /* a registry that wants us to wait longer is left alone */

struct host_tls {
    struct host_tls *next;
    char *host;
    struct http_tls tls;
};

static int registry_open(const char *name, const struct registry_address *address,
                         const char *repository, const struct registry_settings *settings,
                         struct registry *ret, struct error **err)
{
    struct registry r = {.insecure = address->insecure,
                         .is_mirror = address->is_mirror,
                         .timeout = settings->timeout};
    /* A mirror is another registry: it has credentials of its own. */
    CLEANUP(free)
    char *host = address->is_mirror ? registry_host_of(address->url) : xstrdup(name);
    int e = credentials_load(host, *repository ? repository : NULL, &r.credentials, err);
    if (e < 0) {
        return e;
    }
    r.name = xstrdup(name);
    r.url = xstrdup(address->url);
    r.repository = xstrdup(repository);
    r.certs = address->is_mirror ? NULL : xstrdup(settings->certs);
    r.client = http_client_new();
    *ret = r;
    int code = pthread_mutex_init(&ret->lock, NULL);
    assert(code == 0); /* a plain one cannot fail on Linux */
    return 0;
}

static void registry_close(struct registry *r)
{
    if (r->url) {
        (void)pthread_mutex_destroy(&r->lock);
    }
    while (r->tls) {
        struct host_tls *t = r->tls;
        r->tls = t->next;
        http_tls_done(&t->tls);
        free(t->host);
        free(t);
    }
    http_client_free(r->client);
    free(r->name);
    free(r->url);
    free(r->repository);
    free(r->certs);
    free(r->challenge);
    strv_done(&r->scopes);
    token_done(&r->token);
    credentials_done(&r->credentials);
    *r = (struct registry){0};
}

int registry_back_off(int attempt, int64_t asked_seconds, struct error **err)
{
    uint32_t chance = 0;
    (void)getrandom(&chance, sizeof(chance), GRND_NONBLOCK); /* none: all wait alike */
    int64_t ms = (int64_t)BACK_OFF_MS << (attempt < 8 ? attempt : 8);
    ms = ms > BACK_OFF_MAX_MS ? BACK_OFF_MAX_MS : ms;
    ms += chance % (uint32_t)(ms / 2);
    ms = asked_seconds * 1000 > ms ? asked_seconds * 1000 + chance % BACK_OFF_MS : ms;
    int64_t until = clock_ms() + ms, now;
    while (!interrupt_wanted() && (now = clock_ms()) < until) {
        (void)poll(NULL, 0, until - now < 100 ? (int)(until - now) : 100);
    }
    return interrupt_check(err);
}

/* What certs.d says of a URL's host, read once. Holds the lock. */
static int tls_locked(struct registry *r, const char *url, const struct http_tls **ret,
                      struct error **err)
{
    *ret = NULL;
    if (!url || !str_starts(url, "https://")) {
        return 0;
    }
    CLEANUP(free) char *host = registry_host_of(url);
    CLEANUP(free) char *own = registry_host_of(r->url);
    for (struct host_tls *t = r->tls; t; t = t->next) {
        if (str_equal(t->host, host)) {
            *ret = &t->tls;
            return 0;
        }
    }
    bool is_own = str_equal(host, own);
    struct http_tls tls;
    /* docker.io's folder has the user's name for it. */
    int e =
        certs_load(is_own ? r->certs : NULL, is_own && !r->is_mirror ? r->name : host, &tls, err);
    if (e < 0) {
        return e;
    }
    struct host_tls *t = xcalloc(1, sizeof(*t));
    *t = (struct host_tls){r->tls, take_ptr(host), tls};
    r->tls = t;
    *ret = &t->tls;
    return 0;
}

static int tls_of(struct registry *r, const char *url, const struct http_tls **ret,
                  struct error **err)
{
    pthread_mutex_lock(&r->lock);
    int e = tls_locked(r, url, ret, err);
    pthread_mutex_unlock(&r->lock);
    return e;
}

static void add_scopes(struct registry *r, const char *scope)
{
    CLEANUP(strv) struct strv parts = {0};
    CLEANUP(free) char *own = str_format("repository:%s:pull", r->repository);
    strv_split(&parts, str_or(scope, *r->repository ? own : ""), ' ');
    for (size_t i = 0; i < parts.count; i++) {
        if (*parts.items[i] && !strv_contains(&r->scopes, parts.items[i])) {
            strv_add(&r->scopes, parts.items[i]);
        }
    }
}

/* A token for all scopes so far. Holds the lock. */
static int fetch_token(struct registry *r, struct http *h, bool login, struct error **err)
{
    CLEANUP(challenge) struct challenge challenge;
    challenge_parse(r->challenge, &challenge);
    struct token_request q = {.challenge = &challenge,
                              .credentials = &r->credentials,
                              .scopes = &r->scopes,
                              .insecure = r->insecure,
                              .login = login};
    struct token fresh = {0};
    int e = tls_locked(r, challenge.realm, &q.tls, err);
    add_scopes(r, challenge.scope);
    e = e < 0 ? e : auth_answer(h, &q, &fresh, err);
    if (e >= 0) {
        token_done(&r->token);
        r->token = fresh;
    }
    return e;
}

/* Another thread may have got a newer token than `used` meanwhile: then that one is taken. 1: there
 * is another one, 0: it is the same again. */
static int renew_token(struct registry *r, struct http *h, const char *header, const char *used,
                       struct error **err)
{
    int e = 0;
    pthread_mutex_lock(&r->lock);
    if (str_equal(used, r->token.authorization)) {
        free(r->challenge);
        r->challenge = xstrdup(header);
        e = fetch_token(r, h, false, err);
    }
    e = e < 0 ? e : !str_equal(used, r->token.authorization);
    pthread_mutex_unlock(&r->lock);
    return e;
}

/* What to send along; a token that is about to expire is renewed before. */
static int authorization(struct registry *r, struct http *h, char **ret, struct error **err)
{
    int e = 0;
    pthread_mutex_lock(&r->lock);
    if (r->token.expires_at_ms && clock_ms() > r->token.expires_at_ms) {
        e = fetch_token(r, h, false, err);
    }
    *ret = e < 0 ? NULL : xstrdup(r->token.authorization);
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

int registry_follow(const char *url, const char *location, bool insecure, char **ret,
                    bool *ret_same, struct error **err)
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

static bool is_redirect(const struct http_response *answer)
{
    long s = answer->status;
    return answer->location && (s == 301 || s == 302 || s == 303 || s == 307 || s == 308);
}

static int send_once(struct registry *r, struct http *h, const struct registry_request *q,
                     const char *url, const char *authorization, struct http_response *ret,
                     struct error **err)
{
    struct http_request request = {.method = q->method,
                                   .url = url,
                                   .authorization = authorization,
                                   .accept = q->accept,
                                   .content_type = q->content_type,
                                   .content_range = q->content_range,
                                   .body = q->body,
                                   .body_len = q->body_len,
                                   .upload = q->upload,
                                   .insecure = r->insecure,
                                   .offset = q->offset,
                                   .body_max = q->body_max,
                                   .stall_seconds = r->timeout};
    int e = tls_of(r, url, &request.tls, err);
    if (e < 0) {
        return e;
    }
    http_response_done(ret);
    e = q->stream ? http_stream_begin(h, &request, ret, err) : http_fetch(h, &request, ret, err);
    if (e >= 0 && ret->status == 400 && !atomic_load(&r->answered) && str_starts(url, "http://")) {
        return error_set(err, ERROR_NETWORK, EPROTO, "'%s' does not speak plain HTTP", r->name);
    }
    if (ret->status) {
        atomic_store(&r->answered, true);
    }
    return e;
}

/* Where the request goes, and whether that is the registry itself. */
static int first_url(struct registry *r, const char *path, char **ret, bool *ret_home,
                     struct error **err)
{
    *ret_home = true;
    if (path[0] == '/' || strstr(path, "://")) {
        return registry_follow(r->url, path, r->insecure, ret, ret_home, err);
    }
    *ret = *r->repository ? str_format("%s/v2/%s/%s", r->url, r->repository, path)
                          : str_format("%s/v2/%s", r->url, path);
    return 0;
}

/* One request with its redirects and its token. */
static int request_once(struct registry *r, struct http *h, const struct registry_request *q,
                        struct http_response *ret, struct error **err)
{
    CLEANUP(free) char *url = NULL;
    bool home = true;
    int renewals = 0;
    int e = first_url(r, q->path, &url, &home, err);
    for (int hops = 0; hops < HOPS_MAX && e >= 0; hops++) {
        CLEANUP(free) char *token = NULL;
        if (home && (e = authorization(r, h, &token, err)) < 0) {
            return e;
        }
        e = send_once(r, h, q, url, token, ret, err);
        if (e < 0) {
            return e;
        }
        if (is_redirect(ret)) {
            char *next = NULL;
            bool same = false;
            e = registry_follow(url, ret->location, r->insecure, &next, &same, err);
            home = home && same;
            free(url);
            url = next;
        } else if (ret->status == 401 && ret->authenticate && home && renewals++ < RENEWALS_MAX) {
            CLEANUP(free) char *challenge = take_ptr(ret->authenticate);
            e = renew_token(r, h, challenge, token, err);
            if (e == 0) {
                return 0; /* it will not do */
            }
        } else {
            return 0;
        }
    }
    return e < 0 ? e : error_set(err, ERROR_NETWORK, ELOOP, "too many redirects");
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

int registry_status_error(struct registry *r, const struct http_response *answer,
                          struct error **err)
{
    CLEANUP(free) char *words = words_of(answer);
    long status = answer->status;
    if (status == 404) {
        return error_set(err, ERROR_NOT_FOUND, ENOENT, "not found at '%s'%s", r->name, words);
    }
    if (status == 401 || status == 403) {
        int e = error_set(err, ERROR_DENIED, EACCES, "access to '%s' is denied%s",
                          *r->repository ? r->repository : r->name, words);
        return error_hint(err, e,
                          "the repository does not exist or asks for a login: 'cloison "
                          "login %s'",
                          r->name);
    }
    if (status == 429) {
        int e = error_set(err, ERROR_NETWORK, EAGAIN,
                          "'%s' answers that these are too many requests%s", r->name, words);
        int64_t wait = answer->retry_after_seconds;
        return wait ? error_hint(err, e, "it asks to wait for %lld s", (long long)wait) : e;
    }
    return error_set(err, ERROR_NETWORK, EIO, "'%s' answers %ld%s", r->name, status, words);
}

/* Trying again may help. */
static bool is_passing(int result, const struct http_response *answer)
{
    if (result < 0) {
        return result == -EIO;
    }
    return answer->retry_after_seconds <= RETRY_AFTER_MAX_SECONDS &&
           (answer->status == 429 || (answer->status >= 500 && answer->status != 501));
}

int registry_request(struct registry *r, struct http *h, const struct registry_request *q,
                     struct http_response *ret, struct error **err)
{
    for (int attempt = 0;; attempt++) {
        CLEANUP(error) struct error *why = NULL;
        int e = request_once(r, h, q, ret, &why);
        if (q->once || attempt + 1 == REGISTRY_ATTEMPTS_MAX || !is_passing(e, ret)) {
            return e < 0 ? error_move(err, &why, e) : 0;
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
    struct registry_request q = {.path = path, .accept = accept, .body_max = body_max};
    int e = registry_request(r, h, &q, ret, err);
    return e < 0 || ret->status == 200 ? e : registry_status_error(r, ret, err);
}

int registry_login(struct registry *r, const char *basic, char **ret_identity_token,
                   struct error **err)
{
    CLEANUP(http) struct http *h = http_new(r->client);
    CLEANUP(http_response) struct http_response answer = {0};
    struct registry_request q = {.path = "", .body_max = 65536};
    credentials_done(&r->credentials); /* not those of an earlier login */
    *ret_identity_token = NULL;
    CLEANUP(free) char *url = str_format("%s/v2/", r->url);
    int e = send_once(r, h, &q, url, NULL, &answer, err);
    if (e < 0) {
        return e;
    }
    if (answer.status == 401 && answer.authenticate) {
        r->credentials.basic = xstrdup(basic);
        pthread_mutex_lock(&r->lock);
        r->challenge = xstrdup(answer.authenticate);
        e = fetch_token(r, h, true, err);
        pthread_mutex_unlock(&r->lock);
        e = e < 0 ? e : registry_request(r, h, &q, &answer, err);
    }
    if (e >= 0 && answer.status != 200) {
        e = registry_status_error(r, &answer, err);
    }
    if (e >= 0) {
        *ret_identity_token = xstrdup(r->token.identity_token);
    }
    return e;
}

/* Of an address that was only tried (a mirror, TLS where plain HTTP may be spoken) failures that
 * another address may not have lead to the next one. */
static bool try_next(const struct registry *r, const struct error *e)
{
    if (interrupt_wanted()) {
        return false;
    }
    if (r->is_mirror) {
        return e->kind == ERROR_NETWORK || e->kind == ERROR_NOT_FOUND || e->kind == ERROR_CORRUPT ||
               e->kind == ERROR_DENIED;
    }
    return e->kind == ERROR_NETWORK && e->code != EHOSTUNREACH && !atomic_load(&r->answered);
}

static int work_at(const struct registry_settings *settings, const char *name,
                   const struct registry_address *address, const char *repository,
                   int (*work)(void *context, struct registry *r, struct error **err),
                   void *context, bool *ret_next, struct error **err)
{
    struct registry r = {0};
    CLEANUP(error) struct error *why = NULL;
    int e = registry_open(name, address, repository, settings, &r, err);
    if (e < 0) {
        *ret_next = false;
        return e;
    }
    e = work(context, &r, &why);
    *ret_next = *ret_next && e < 0 && try_next(&r, why);
    registry_close(&r);
    return e < 0 && !*ret_next ? error_move(err, &why, e) : e;
}

int registry_at_each(const char *config_path, const char *name, const char *repository,
                     unsigned flags,
                     int (*work)(void *context, struct registry *r, struct error **err),
                     void *context, struct error **err)
{
    struct registry_settings settings = {0};
    struct registry_address *addresses = NULL;
    size_t count = 0;
    int r = registry_settings_load(config_path, name, &settings, err);
    if (r >= 0) {
        r = http_global_init(err);
    }
    if (r < 0) {
        registry_settings_done(&settings);
        return r;
    }
    if (flags & REGISTRY_INSECURE) {
        settings.insecure = true;
        settings.secure = false;
    }
    registry_addresses(name, &settings, &addresses, &count);
    for (size_t i = 0; i < count; i++) {
        bool next = i + 1 < count;
        if (addresses[i].is_mirror && !(flags & REGISTRY_MIRRORS)) {
            continue;
        }
        r = work_at(&settings, name, &addresses[i], repository, work, context, &next, err);
        if (!next) {
            break;
        }
    }
    registry_addresses_free(addresses, count);
    registry_settings_done(&settings);
    return r;
}
