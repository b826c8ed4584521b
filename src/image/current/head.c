// SPDX-License-Identifier: Apache-2.0
#include "image/current/head.h"

#include <http_parser.h>
#include <signal.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/str.h"
#include "image/current/link.h"
#include "image/store/manifest.h"

#define HEADERS_BYTES_MAX 16384
#define DIGEST_HEADER "docker-content-digest"

struct answer {
    struct strbuf name, value; /* of the header that is being read */
    bool in_value, complete;
    char *digest; /* what the header says, unchecked */
};

static void end_header(struct answer *a)
{
    if (a->in_value && a->name.len == strlen(DIGEST_HEADER) &&
        strncasecmp(a->name.data, DIGEST_HEADER, a->name.len) == 0) {
        free(a->digest);
        size_t len = a->value.len;
        while (len && strchr(" \t", a->value.data[len - 1])) {
            len--;
        }
        a->digest = xstrndup(str_or(a->value.data, ""), len);
    }
    a->name.len = a->value.len = 0;
    a->in_value = false;
}

static int on_field(http_parser *p, const char *at, size_t len)
{
    struct answer *a = p->data;
    if (a->in_value) {
        end_header(a);
    }
    strbuf_add(&a->name, at, len);
    return 0;
}

static int on_value(http_parser *p, const char *at, size_t len)
{
    struct answer *a = p->data;
    a->in_value = true;
    strbuf_add(&a->value, at, len);
    return 0;
}

static int on_end(http_parser *p)
{
    struct answer *a = p->data;
    end_header(a);
    a->complete = true;
    http_parser_pause(p, 1); /* what follows, after "100 Continue" too, is not for us */
    return 1;                /* the answer to a HEAD has no body, whatever its length says */
}

bool head_parse(const char *bytes, size_t len, char ret[DIGEST_TEXT_BYTES])
{
    struct answer a = {0};
    http_parser_settings calls;
    http_parser p;
    http_parser_settings_init(&calls);
    calls.on_header_field = on_field;
    calls.on_header_value = on_value;
    calls.on_headers_complete = on_end;
    http_parser_init(&p, HTTP_RESPONSE);
    p.data = &a;
    (void)http_parser_execute(&p, &calls, bytes, len); /* what counts is what was complete */
    bool good = a.complete && p.status_code == 200 && a.digest && digest_is_valid(a.digest);
    if (good) {
        memcpy(ret, a.digest, DIGEST_TEXT_BYTES);
    }
    strbuf_done(&a.name);
    strbuf_done(&a.value);
    free(a.digest);
    return good;
}

/* Up to the empty line behind the headers. */
static size_t receive(struct link *l, char *bytes, size_t max)
{
    size_t len = 0;
    size_t n;
    int64_t until = clock_ms() + LINK_WAIT_SECONDS * 1000;
    while (len < max && clock_ms() < until && !memmem(bytes, len, "\r\n\r\n", 4) &&
           (n = link_receive(l, bytes + len, max - len)) > 0) {
        len += n;
    }
    return len;
}

static bool ask(const struct head_request *q, char ret[DIGEST_TEXT_BYTES])
{
    CLEANUP(link) struct link l;
    if (!link_open(q->url, q->tls, q->insecure, &l)) {
        return false;
    }
    CLEANUP(free)
    char *request = str_format("HEAD /v2/%s/manifests/%s HTTP/1.1\r\nHost: %s\r\n"
                               "User-Agent: cloison/" CLOISON_VERSION "\r\n"
                               "Accept: " MANIFEST_ACCEPT "\r\nConnection: close\r\n\r\n",
                               q->repository, q->tag, strstr(q->url, "//") + 2);
    char bytes[HEADERS_BYTES_MAX];
    return link_send(&l, request, strlen(request)) &&
           head_parse(bytes, receive(&l, bytes, sizeof(bytes)), ret);
}

/* OpenSSL writes with write(2): a registry that hangs up must not end us. What this process
 * executes next inherits the signal's handling. */
bool head_digest(const struct head_request *q, char ret[DIGEST_TEXT_BYTES])
{
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    struct sigaction before;
    bool changed = sigaction(SIGPIPE, &ignore, &before) == 0;
    bool known = changed && ask(q, ret);
    if (changed) {
        IGNORE(sigaction(SIGPIPE, &before, NULL)); /* it was so a moment ago */
    }
    return known;
}
