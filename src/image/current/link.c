// SPDX-License-Identifier: Apache-2.0
#include "image/current/link.h"

#include <arpa/inet.h>
#include <http_parser.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base/file.h"
#include "base/str.h"

#define HTTP_PORT 80
#define HTTPS_PORT 443
#define SYSTEM_AUTHORITIES "/etc/ssl/certs" /* by hash: only the one that is needed is read */

struct place {
    bool secure;
    char *host; /* as written */
    struct sockaddr_in address;
};

static bool may_want_proxy(void)
{
    static const char *const names[] = {"http_proxy",  "https_proxy", "HTTP_PROXY",
                                        "HTTPS_PROXY", "all_proxy",   "ALL_PROXY"};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (getenv(names[i])) {
            return true;
        }
    }
    return false;
}

static bool parse_place(const char *url, struct place *ret)
{
    struct http_parser_url u;
    http_parser_url_init(&u);
    const unsigned known = 1U << UF_SCHEMA | 1U << UF_HOST | 1U << UF_PORT;
    ret->secure = str_starts(url, "https://");
    if ((!ret->secure && !str_starts(url, "http://")) ||
        http_parser_parse_url(url, strlen(url), 0, &u) != 0 || (u.field_set & ~known)) {
        return false;
    }
    ret->host = xstrndup(url + u.field_data[UF_HOST].off, u.field_data[UF_HOST].len);
    ret->address = (struct sockaddr_in){.sin_family = AF_INET};
    ret->address.sin_port = htons(u.field_set & 1U << UF_PORT ? u.port
                                  : ret->secure               ? HTTPS_PORT
                                                              : HTTP_PORT);
    const char *number = str_equal(ret->host, "localhost") ? "127.0.0.1" : ret->host;
    return inet_pton(AF_INET, number, &ret->address.sin_addr) == 1 &&
           (str_starts(number, "127.") || !may_want_proxy());
}

static int connect_to(const struct sockaddr_in *address)
{
    const int yes = 1; /* else the question waits for the handshake's end to be acknowledged */
    struct timeval limit = {.tv_sec = LINK_WAIT_SECONDS};
    CLEANUP(fd) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool good = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) == 0 &&
                setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) == 0 &&
                setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes)) == 0 &&
                connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0;
    return good ? take_fd(&fd) : -1;
}

/* All certificates of a PEM text. */
static bool trust(SSL_CTX *context, const char *text)
{
    BIO *bio = BIO_new_mem_buf(text, -1);
    X509 *certificate;
    bool good = bio != NULL;
    while (good && (certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
        good = X509_STORE_add_cert(SSL_CTX_get_cert_store(context), certificate) == 1;
        X509_free(certificate);
    }
    BIO_free(bio);
    return good;
}

static bool set_certificates(SSL_CTX *context, const struct http_tls *tls, bool insecure)
{
    SSL_CTX_set_verify(context, insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
           SSL_CTX_load_verify_dir(context, SYSTEM_AUTHORITIES) == 1 &&
           (!tls->authorities || trust(context, tls->authorities)) &&
           (!tls->certificate ||
            (SSL_CTX_use_certificate_chain_file(context, tls->certificate) == 1 &&
             SSL_CTX_use_PrivateKey_file(context, tls->key, SSL_FILETYPE_PEM) == 1));
}

/* The certificate must be for the host as it was written. */
static bool set_host(SSL *ssl, const char *host)
{
    struct in_addr number;
    if (inet_pton(AF_INET, host, &number) == 1) {
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    }
    return SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
}

static bool start_tls(struct link *l, const char *host, const struct http_tls *tls, bool insecure)
{
    /* The system's settings of OpenSSL may name modules, which a static program cannot load. */
    (void)OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
    l->context = SSL_CTX_new(TLS_client_method());
    if (!l->context || !set_certificates(l->context, tls, insecure)) {
        return false;
    }
    l->tls = SSL_new(l->context);
    return l->tls && set_host(l->tls, host) && SSL_set_fd(l->tls, l->fd) == 1 &&
           SSL_connect(l->tls) == 1;
}

bool link_open(const char *url, const struct http_tls *tls, bool insecure, struct link *ret)
{
    struct place p = {0};
    *ret = (struct link){.fd = -1};
    bool good = parse_place(url, &p) && (ret->fd = connect_to(&p.address)) >= 0 &&
                (!p.secure || start_tls(ret, p.host, tls, insecure));
    free(p.host);
    if (!good) {
        link_close(ret);
    }
    return good;
}

bool link_send(struct link *l, const char *bytes, size_t len)
{
    return l->tls ? SSL_write(l->tls, bytes, (int)len) == (int)len
                  : send(l->fd, bytes, len, MSG_NOSIGNAL) == (ssize_t)len;
}

size_t link_receive(struct link *l, char *bytes, size_t max)
{
    ssize_t n = l->tls ? SSL_read(l->tls, bytes, (int)max) : recv(l->fd, bytes, max, 0);
    return n > 0 ? (size_t)n : 0;
}

void link_close(struct link *l)
{
    SSL_free(l->tls);
    SSL_CTX_free(l->context);
    fd_close(l->fd);
    *l = (struct link){.fd = -1};
}
