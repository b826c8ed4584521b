// SPDX-License-Identifier: Apache-2.0
#include "image/current/head.h"

#include <arpa/inet.h>
#include <http_parser.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/str.h"
#include "image/store/manifest.h"

#define HEADERS_BYTES_MAX 16384
#define DIGEST_HEADER "docker-content-digest"
#define HTTP_PORT 80
#define WAIT_SECONDS 1

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

/* "host:port", the host a number or "localhost": *ret is where to connect to. */
static bool parse_address(const char *url, struct sockaddr_in *ret)
{
    struct http_parser_url u;
    http_parser_url_init(&u);
    const unsigned known = 1U << UF_SCHEMA | 1U << UF_HOST | 1U << UF_PORT;
    if (!str_starts(url, "http://") || http_parser_parse_url(url, strlen(url), 0, &u) != 0 ||
        (u.field_set & ~known)) {
        return false;
    }
    CLEANUP(free)
    char *host = xstrndup(url + u.field_data[UF_HOST].off, u.field_data[UF_HOST].len);
    *ret = (struct sockaddr_in){.sin_family = AF_INET};
    ret->sin_port = htons(u.field_set & 1U << UF_PORT ? u.port : HTTP_PORT);
    const char *number = str_equal(host, "localhost") ? "127.0.0.1" : host;
    return str_starts(number, "127.") && inet_pton(AF_INET, number, &ret->sin_addr) == 1;
}

static int connect_to(const struct sockaddr_in *address)
{
    struct timeval limit = {.tv_sec = WAIT_SECONDS};
    CLEANUP(fd) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool good = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) == 0 &&
                setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) == 0 &&
                connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0;
    return good ? take_fd(&fd) : -1;
}

/* Up to the empty line behind the headers. */
static size_t receive(int fd, char *bytes, size_t max)
{
    size_t len = 0;
    ssize_t n;
    int64_t until = clock_ms() + WAIT_SECONDS * 1000;
    while (len < max && clock_ms() < until && !memmem(bytes, len, "\r\n\r\n", 4) &&
           (n = recv(fd, bytes + len, max - len, 0)) > 0) {
        len += (size_t)n;
    }
    return len;
}

bool head_digest(const char *url, const char *repository, const char *tag,
                 char ret[DIGEST_TEXT_BYTES])
{
    struct sockaddr_in address;
    if (!parse_address(url, &address)) {
        return false;
    }
    CLEANUP(fd) int fd = connect_to(&address);
    CLEANUP(free)
    char *request = str_format("HEAD /v2/%s/manifests/%s HTTP/1.1\r\nHost: %s\r\n"
                               "User-Agent: cloison/" CLOISON_VERSION "\r\n"
                               "Accept: " MANIFEST_ACCEPT "\r\nConnection: close\r\n\r\n",
                               repository, tag, url + strlen("http://"));
    size_t len = strlen(request);
    char bytes[HEADERS_BYTES_MAX];
    return fd >= 0 && send(fd, request, len, MSG_NOSIGNAL) == (ssize_t)len &&
           head_parse(bytes, receive(fd, bytes, sizeof(bytes)), ret);
}
