// SPDX-License-Identifier: Apache-2.0
#include "image/registry/http.h"

#include <curl/curl.h>
#include <errno.h>
#include <string.h>
#include <sys/types.h>

#include "image/store/interrupt.h"

#define BUFFER_PAUSE ((size_t)4 << 20) /* more than this waits in the kernel */
#define ERROR_BODY_MAX ((size_t)64 << 10)
#define CONNECT_TIMEOUT_SECONDS 15L
#define STALL_SECONDS 60L
#define POLL_MS 500

struct http {
    CURL *easy;
    CURLM *multi;
    struct curl_slist *headers;
    struct http_response *response;
    struct strbuf buffer; /* of a stream: what has come and was not yet taken */
    size_t body_max;
    bool streaming, paused, ended, in_multi;
    CURLcode result;
    char message[CURL_ERROR_SIZE];
};

int http_global_init(struct error **err)
{
    return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK
               ? 0
               : error_set(err, ERROR_INTERNAL, 0, "libcurl cannot be initialised");
}

struct http *http_new(void)
{
    struct http *h = xcalloc(1, sizeof(*h));
    h->easy = curl_easy_init();
    h->multi = curl_multi_init();
    if (!h->easy || !h->multi) {
        abort(); /* out of memory, as xmalloc() */
    }
    return h;
}

void http_free(struct http *h)
{
    if (!h) {
        return;
    }
    http_stream_end(h);
    curl_multi_cleanup(h->multi);
    curl_easy_cleanup(h->easy);
    strbuf_done(&h->buffer);
    free(h);
}

void http_response_done(struct http_response *r)
{
    free(r->content_type);
    free(r->location);
    free(r->authenticate);
    free(r->content_digest);
    free(r->link);
    strbuf_done(&r->body);
    *r = (struct http_response){0};
}

static void keep(char **to, const char *value, size_t len)
{
    free(*to);
    *to = xstrndup(value, len);
}

static size_t on_header(char *line, size_t size, size_t count, void *context)
{
    struct http *h = context;
    struct http_response *r = h->response;
    size_t len = size * count, end = len;
    char *colon = memchr(line, ':', len);
    if (!colon) {
        return len;
    }
    while (end && strchr("\r\n \t", line[end - 1])) {
        end--;
    }
    char *value = colon + 1;
    while (value < line + end && (*value == ' ' || *value == '\t')) {
        value++;
    }
    const struct {
        const char *name;
        char **to;
    } wanted[] = {{"content-type", &r->content_type},
                  {"location", &r->location},
                  {"docker-content-digest", &r->content_digest},
                  {"link", &r->link}};
    size_t name = (size_t)(colon - line), value_len = (size_t)(line + end - value);
    for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
        if (strlen(wanted[i].name) == name && strncasecmp(wanted[i].name, line, name) == 0) {
            keep(wanted[i].to, value, value_len);
        }
    }
    /* Of several challenges the one for tokens is taken. */
    if (name == strlen("www-authenticate") && strncasecmp("www-authenticate", line, name) == 0 &&
        (!r->authenticate || strncasecmp(value, "bearer", 6) == 0)) {
        keep(&r->authenticate, value, value_len);
    }
    return len;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *context)
{
    struct http *h = context;
    size_t len = size * count;
    long status = 0;
    (void)curl_easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &status);
    bool good = status == 200 || status == 206;
    if (!h->streaming || !good) {
        size_t max = good ? h->body_max : ERROR_BODY_MAX;
        if (len > max - h->response->body.len) {
            return good ? 0 : len; /* 0 ends the transfer with an error */
        }
        strbuf_add(&h->response->body, bytes, len);
        return len;
    }
    if (h->buffer.len > BUFFER_PAUSE) {
        h->paused = true;
        return CURL_WRITEFUNC_PAUSE;
    }
    strbuf_add(&h->buffer, bytes, len);
    return len;
}

static int on_progress(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    return interrupt_wanted();
}

/* What goes wrong here is a build of libcurl without what is asked for: it then fails as a
 * request. */
static void set_options(struct http *h, const struct http_request *q)
{
    CURL *e = h->easy;
    curl_easy_reset(e);
    curl_easy_setopt(e, CURLOPT_URL, q->url);
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_USERAGENT, "cloison/" CLOISON_VERSION);
    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, h->message);
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT_SECONDS);
    curl_easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(e, CURLOPT_LOW_SPEED_TIME, STALL_SECONDS);
    curl_easy_setopt(e, CURLOPT_BUFFERSIZE, 256L << 10);
    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(e, CURLOPT_HEADERDATA, h);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, h);
    curl_easy_setopt(e, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(e, CURLOPT_XFERINFOFUNCTION, on_progress);
    if (q->insecure) {
        curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    if (q->form) {
        curl_easy_setopt(e, CURLOPT_COPYPOSTFIELDS, q->form);
    }
}

static void add_header(struct http *h, const char *name, const char *value)
{
    if (value) {
        CLEANUP(free) char *line = str_format("%s: %s", name, value);
        h->headers = curl_slist_append(h->headers, line);
    }
}

static void prepare(struct http *h, const struct http_request *q, struct http_response *r)
{
    http_stream_end(h);
    h->response = r;
    h->body_max = q->body_max;
    h->message[0] = '\0';
    h->ended = h->paused = h->streaming = false;
    set_options(h, q);
    add_header(h, "Authorization", q->authorization);
    add_header(h, "Accept", q->accept);
    if (q->offset > 0) { /* CURLOPT_RESUME_FROM fails where the server begins again: we need not */
        CLEANUP(free) char *range = str_format("bytes=%lld-", (long long)q->offset);
        add_header(h, "Range", range);
    }
    curl_easy_setopt(h->easy, CURLOPT_HTTPHEADER, h->headers);
}

static int failed(struct http *h, CURLcode code, struct error **err)
{
    if (interrupt_wanted()) {
        return interrupt_check(err);
    }
    int number = EIO;
    switch ((int)code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        number = EHOSTUNREACH;
        break;
    case CURLE_COULDNT_CONNECT:
        number = ECONNREFUSED;
        break;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        number = EPROTO;
        break;
    default:
        break;
    }
    const char *why = h->message[0] ? h->message : curl_easy_strerror(code);
    if (code == CURLE_WRITE_ERROR) {
        why = "the answer is larger than it may be";
    }
    return error_set(err, ERROR_NETWORK, number, "%s", why);
}

int http_fetch(struct http *h, const struct http_request *q, struct http_response *ret,
               struct error **err)
{
    prepare(h, q, ret);
    CURLcode code = curl_easy_perform(h->easy);
    (void)curl_easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &ret->status);
    curl_off_t wait = 0;
    (void)curl_easy_getinfo(h->easy, CURLINFO_RETRY_AFTER, &wait);
    ret->retry_after_seconds = wait;
    int r = code == CURLE_OK ? 0 : failed(h, code, err);
    http_stream_end(h);
    return r;
}

/* Lets libcurl work until something has come, or the end. */
static int work(struct http *h, bool until_status, struct error **err)
{
    for (;;) {
        int running = 0, left = 0;
        long status = 0;
        CURLMcode code = curl_multi_perform(h->multi, &running);
        struct CURLMsg *m;
        while ((m = curl_multi_info_read(h->multi, &left))) {
            if (m->msg == CURLMSG_DONE) {
                h->ended = true;
                h->result = m->data.result;
            }
        }
        (void)curl_easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &status);
        if (h->buffer.len || h->ended || (until_status && status == 206)) {
            return 0;
        }
        if (code == CURLM_OK) {
            code = curl_multi_poll(h->multi, NULL, 0, POLL_MS, NULL);
        }
        if (code != CURLM_OK) {
            return error_set(err, ERROR_NETWORK, EIO, "%s", curl_multi_strerror(code));
        }
        int r = interrupt_check(err);
        if (r < 0) {
            return r;
        }
    }
}

int http_stream_begin(struct http *h, const struct http_request *q, struct http_response *ret,
                      struct error **err)
{
    prepare(h, q, ret);
    h->streaming = true;
    h->buffer.len = 0;
    curl_multi_add_handle(h->multi, h->easy);
    h->in_multi = true;
    int r = work(h, true, err);
    if (r < 0) {
        return r;
    }
    (void)curl_easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &ret->status);
    return h->ended && h->result != CURLE_OK && !h->buffer.len ? failed(h, h->result, err) : 0;
}

ssize_t http_stream_read(struct http *h, const void **ret_bytes, struct error **err)
{
    if (h->paused) {
        h->paused = false;
        curl_easy_pause(h->easy, CURLPAUSE_CONT); /* calls on_body() with what waited */
    }
    if (!h->buffer.len && !h->ended) {
        int r = work(h, false, err);
        if (r < 0) {
            return r;
        }
    }
    if (!h->buffer.len) {
        return h->result == CURLE_OK ? 0 : failed(h, h->result, err);
    }
    *ret_bytes = h->buffer.data;
    size_t len = h->buffer.len;
    h->buffer.len = 0; /* the bytes stay until the next call */
    return (ssize_t)len;
}

void http_stream_end(struct http *h)
{
    if (h->in_multi) {
        curl_multi_remove_handle(h->multi, h->easy);
        h->in_multi = false;
    }
    curl_slist_free_all(h->headers);
    h->headers = NULL;
    h->buffer.len = 0;
}
