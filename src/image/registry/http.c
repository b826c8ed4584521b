// SPDX-License-Identifier: Apache-2.0
#include "image/registry/http.h"

#include <errno.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "image/registry/http_internal.h"
#include "image/registry/registry_settings.h"
#include "image/store/interrupt.h"

#define BUFFER_PAUSE ((size_t)1 << 20) /* more than this waits in the kernel */
#define ERROR_BODY_MAX ((size_t)64 << 10)
#define CONNECT_TIMEOUT_SECONDS 15L
#define STALL_SECONDS 60L
#define RECEIVE_BYTES (256L << 10)
#define SEND_BYTES (512L << 10)

int http_global_init(struct error **err)
{
    return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK
               ? 0
               : error_set(err, ERROR_INTERNAL, 0, "libcurl cannot be initialised");
}

struct http *http_new(struct http_client *c)
{
    struct http *h = xcalloc(1, sizeof(*h));
    h->client = c;
    h->easy = curl_easy_init();
    if (!h->easy) {
        abort(); /* out of memory, as xmalloc() */
    }
    http_client_add(c, h);
    return h;
}

void http_free(struct http *h)
{
    if (!h) {
        return;
    }
    http_stream_end(h);
    http_client_remove(h->client, h);
    curl_easy_cleanup(h->easy);
    strbuf_done(&h->buffer);
    strbuf_done(&h->taken);
    free(h);
}

void http_response_done(struct http_response *r)
{
    free(r->content_type);
    free(r->location);
    free(r->authenticate);
    free(r->content_digest);
    free(r->link);
    free(r->range);
    strbuf_done(&r->body);
    *r = (struct http_response){0};
}

static void keep(char **to, const char *value, size_t len)
{
    free(*to);
    *to = xstrndup(value, len);
}

static void keep_header(struct http_response *r, const char *line, size_t name, const char *value,
                        size_t len)
{
    const struct {
        const char *name;
        char **to;
    } wanted[] = {{"content-type", &r->content_type},
                  {"location", &r->location},
                  {"docker-content-digest", &r->content_digest},
                  {"link", &r->link},
                  {"range", &r->range}};
    for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
        if (strlen(wanted[i].name) == name && strncasecmp(wanted[i].name, line, name) == 0) {
            keep(wanted[i].to, value, len);
        }
    }
    if (name == strlen("content-length") && strncasecmp("content-length", line, name) == 0) {
        CLEANUP(free) char *text = xstrndup(value, len);
        IGNORE(str_to_i64(text, 10, &r->content_length)); /* not said, then */
    }
    /* Of several challenges the one for tokens is taken. */
    if (name == strlen("www-authenticate") && strncasecmp("www-authenticate", line, name) == 0 &&
        (!r->authenticate || strncasecmp(value, "bearer", 6) == 0)) {
        keep(&r->authenticate, value, len);
    }
}

/* The empty line behind the headers: of an answer, or only of "100 Continue". */
static void end_headers(struct http *h)
{
    (void)curl_easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &h->response->status);
    h->answered = h->response->status >= 200;
}

static size_t on_header(char *line, size_t size, size_t count, void *context)
{
    struct http *h = context;
    size_t len = size * count, end = len;
    while (end && strchr("\r\n \t", line[end - 1])) {
        end--;
    }
    char *colon = memchr(line, ':', end);
    http_lock(h);
    bool trailer = h->answered; /* by then the reader looks at the headers */
    if (!trailer && !end) {
        end_headers(h);
    } else if (!trailer && colon) {
        char *value = colon + 1;
        while (value < line + end && (*value == ' ' || *value == '\t')) {
            value++;
        }
        keep_header(h->response, line, (size_t)(colon - line), value, (size_t)(line + end - value));
    }
    http_unlock(h);
    return len;
}

static bool is_content(long status)
{
    return status == 200 || status == 206;
}

static size_t take_body(struct http *h, const char *bytes, size_t len)
{
    struct http_response *r = h->response;
    bool good = is_content(r->status);
    if (h->streaming && good) {
        if (h->buffer.len > BUFFER_PAUSE) {
            h->paused = true;
            return CURL_WRITEFUNC_PAUSE;
        }
        strbuf_add(&h->buffer, bytes, len);
        return len;
    }
    if (len > (good ? h->body_max : ERROR_BODY_MAX) - r->body.len) {
        h->too_large = good;
        return good ? 0 : len; /* 0 ends the transfer with an error */
    }
    strbuf_add(&r->body, bytes, len);
    return len;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *context)
{
    struct http *h = context;
    http_lock(h);
    size_t taken = take_body(h, bytes, size * count);
    http_unlock(h);
    return taken;
}

static size_t on_upload(char *to, size_t size, size_t count, void *context)
{
    struct http *h = context;
    struct http_upload *u = &h->upload;
    size_t len = size * count;
    int64_t left = u->bytes - (u->offset - h->upload_start);
    ssize_t n = pread(u->fd, to, (int64_t)len < left ? len : (size_t)left, u->offset);
    if (n < 0 || (n == 0 && left > 0)) {
        return CURL_READFUNC_ABORT;
    }
    u->offset += n;
    if (u->on_sent) {
        u->on_sent(u->context, u->offset);
    }
    return (size_t)n;
}

/* A connection that the server had closed: what was sent into it is sent again. */
static int on_seek(void *context, curl_off_t offset, int origin)
{
    struct http *h = context;
    if (origin != SEEK_SET) {
        return CURL_SEEKFUNC_CANTSEEK;
    }
    h->upload.offset = h->upload_start + offset;
    return CURL_SEEKFUNC_OK;
}

/* Go's programs, Docker and Podman among them, never use a proxy to this machine itself, and know
 * HTTP_PROXY in capitals; libcurl does otherwise in both. */
static void set_proxy(CURL *e, const char *url)
{
    CLEANUP(free) char *host = registry_host_of(url);
    const char *upper = getenv("HTTP_PROXY");
    if (registry_is_loopback(host)) {
        curl_easy_setopt(e, CURLOPT_PROXY, "");
    } else if (str_starts(url, "http://") && upper && !getenv("http_proxy") &&
               !getenv("REQUEST_METHOD")) {
        curl_easy_setopt(e, CURLOPT_PROXY, upper);
    }
}

static void set_tls(CURL *e, const struct http_request *q)
{
    if (q->insecure) { /* reading the system's certificates would take 20 ms */
        curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 0L);
        curl_easy_setopt(e, CURLOPT_CAINFO, NULL);
        curl_easy_setopt(e, CURLOPT_CAPATH, NULL);
    }
    if (q->tls && q->tls->authorities && !q->insecure) {
        struct curl_blob blob = {q->tls->authorities, strlen(q->tls->authorities), CURL_BLOB_COPY};
        curl_easy_setopt(e, CURLOPT_CAINFO_BLOB, &blob);
    }
    if (q->tls && q->tls->certificate) {
        curl_easy_setopt(e, CURLOPT_SSLCERT, q->tls->certificate);
        curl_easy_setopt(e, CURLOPT_SSLKEY, q->tls->key);
    }
}

static void set_body(struct http *h, const struct http_request *q)
{
    CURL *e = h->easy;
    if (q->upload) {
        h->upload = *q->upload;
        h->upload_start = q->upload->offset;
        curl_easy_setopt(e, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(e, CURLOPT_INFILESIZE_LARGE, (curl_off_t)q->upload->bytes);
        curl_easy_setopt(e, CURLOPT_READFUNCTION, on_upload);
        curl_easy_setopt(e, CURLOPT_READDATA, h);
        curl_easy_setopt(e, CURLOPT_SEEKFUNCTION, on_seek);
        curl_easy_setopt(e, CURLOPT_SEEKDATA, h);
        curl_easy_setopt(e, CURLOPT_UPLOAD_BUFFERSIZE, SEND_BYTES);
    } else if (q->body) {
        curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->body_len);
        curl_easy_setopt(e, CURLOPT_COPYPOSTFIELDS, q->body);
    }
    if (str_equal(q->method, "HEAD")) {
        curl_easy_setopt(e, CURLOPT_NOBODY, 1L);
    } else if (q->method) {
        curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, q->method);
    }
}

/* What goes wrong here is a build of libcurl without what is asked for: it then fails as a
 * request. */
static void set_options(struct http *h, const struct http_request *q)
{
    CURL *e = h->easy;
    curl_easy_reset(e);
    curl_easy_setopt(e, CURLOPT_PRIVATE, h);
    curl_easy_setopt(e, CURLOPT_URL, q->url);
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_USERAGENT, "cloison/" CLOISON_VERSION);
    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, h->message);
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT_SECONDS);
    curl_easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(e, CURLOPT_LOW_SPEED_TIME,
                     q->stall_seconds ? (long)q->stall_seconds : STALL_SECONDS);
    curl_easy_setopt(e, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_2TLS);
    curl_easy_setopt(e, CURLOPT_PIPEWAIT, 1L); /* rather a stream than a connection more */
    curl_easy_setopt(e, CURLOPT_BUFFERSIZE, RECEIVE_BYTES);
    curl_easy_setopt(e, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(e, CURLOPT_HEADERDATA, h);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, h);
    set_proxy(e, q->url);
    set_tls(e, q);
    set_body(h, q);
}

static void add_header(struct http *h, const char *name, const char *value)
{
    if (value) {
        CLEANUP(free) char *line = str_format("%s: %s", name, value);
        h->headers = curl_slist_append(h->headers, line);
    }
}

static void begin(struct http *h, const struct http_request *q, struct http_response *r,
                  bool streaming)
{
    http_stream_end(h);
    h->response = r;
    r->content_length = -1;
    h->body_max = q->body_max;
    h->message[0] = '\0';
    h->streaming = streaming;
    h->answered = h->paused = h->resume = h->too_large = false;
    set_options(h, q);
    add_header(h, "Authorization", q->authorization);
    add_header(h, "Accept", q->accept);
    add_header(h, "Content-Type", q->content_type);
    add_header(h, "Content-Range", q->content_range);
    if (q->offset > 0) { /* CURLOPT_RESUME_FROM fails where the server begins again: we need not */
        CLEANUP(free) char *range = str_format("bytes=%lld-", (long long)q->offset);
        add_header(h, "Range", range);
    }
    curl_easy_setopt(h->easy, CURLOPT_HTTPHEADER, h->headers);
    http_start(h);
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
    if (h->too_large) {
        why = "the answer is larger than it may be";
        number = EMSGSIZE;
    }
    int r = error_set(err, ERROR_NETWORK, number, "%s", why);
    return code == CURLE_COULDNT_RESOLVE_HOST
               ? error_hint(err, r,
                            "check the name and the network; 'cloison load' and 'cloison "
                            "bootstrap' need no registry")
               : r;
}

/* Until the answer's headers are there, or all of it. Holds the lock. */
static int wait_for(struct http *h, bool end, struct error **err)
{
    http_lock(h);
    while (h->state != HTTP_IDLE && !interrupt_wanted() &&
           (end || !h->answered || !is_content(h->response->status))) {
        http_wait(h);
    }
    http_unlock(h);
    return interrupt_check(err);
}

/* The request has ended, or will be ended. */
static int result_of(struct http *h, int r, struct error **err)
{
    if (r >= 0 && h->state == HTTP_IDLE && h->result != CURLE_OK) {
        return failed(h, h->result, err);
    }
    return r;
}

int http_fetch(struct http *h, const struct http_request *q, struct http_response *ret,
               struct error **err)
{
    begin(h, q, ret, false);
    int r = result_of(h, wait_for(h, true, err), err);
    http_stream_end(h);
    return r;
}

int http_stream_begin(struct http *h, const struct http_request *q, struct http_response *ret,
                      struct error **err)
{
    begin(h, q, ret, true);
    int r = wait_for(h, false, err);
    http_lock(h);
    bool broken = h->state == HTTP_IDLE && !h->answered;
    http_unlock(h);
    return r < 0 || !broken ? r : result_of(h, r, err);
}

ssize_t http_stream_read(struct http *h, const void **ret_bytes, struct error **err)
{
    http_lock(h);
    while (!h->buffer.len && h->state != HTTP_IDLE && !interrupt_wanted()) {
        http_wait(h);
    }
    struct strbuf swap = h->taken;
    h->taken = h->buffer;
    h->buffer = swap;
    h->buffer.len = 0;
    bool resume = h->paused && !h->resume;
    h->resume = h->paused;
    http_unlock(h);
    if (resume) {
        http_wake(h);
    }
    int r = interrupt_check(err);
    if (r < 0) {
        return r;
    }
    if (!h->taken.len) {
        return result_of(h, 0, err);
    }
    *ret_bytes = h->taken.data;
    return (ssize_t)h->taken.len;
}

void http_stream_end(struct http *h)
{
    http_stop(h);
    curl_slist_free_all(h->headers);
    h->headers = NULL;
    h->response = NULL;
    h->buffer.len = h->taken.len = 0;
}
