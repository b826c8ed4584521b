// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "base/file.h"
#include "net/names/server.h"

#define DNS_PORT 53
#define BACKLOG 64

static socklen_t fill_peer(const struct net_address *a, int port, union name_peer *ret)
{
    *ret = (union name_peer){0};
    ret->any.sa_family = (sa_family_t)a->family;
    ret->in.sin_port = htons((uint16_t)port);
    if (a->family == AF_INET6) {
        memcpy(&ret->in6.sin6_addr, a->bytes, 16);
        return sizeof(ret->in6);
    }
    memcpy(&ret->in.sin_addr, a->bytes, 4);
    return sizeof(ret->in);
}

static struct net_address address_of(const union name_peer *p)
{
    struct net_address a = {.family = p->any.sa_family};
    if (a.family == AF_INET6) {
        memcpy(a.bytes, &p->in6.sin6_addr, 16);
    } else {
        memcpy(a.bytes, &p->in.sin_addr, 4);
    }
    return a;
}

static const struct net_record *find_asker(const struct server *s, const char *owner,
                                           const struct net_address *gateway,
                                           const struct net_address *from)
{
    return owner ? book_find(&s->book, owner) : book_asker(&s->book, gateway, from);
}

/* Answered from the book, refused, or asked of others. */
static void handle(struct server *s, struct asker *asker, const struct net_record *who,
                   const uint8_t *message, size_t len)
{
    static uint8_t bytes[DNS_MESSAGE_MAX];
    struct dns_question q;
    enum dns_code code;
    if (!dns_parse(message, len, &q, &code)) {
        return;
    }
    struct dns_answer a = {bytes, 0, asker->stream ? sizeof(bytes) : q.room};
    dns_answer_begin(&a, message, &q, who ? code : DNS_REFUSED);
    if (who && code == DNS_OK && !book_answer(&s->book, who, &q, &a)) {
        if (net_attachment_exit(who->attachment, NET_IPV4) ||
            net_attachment_exit(who->attachment, NET_IPV6)) {
            forward_question(s, asker, who, message, len, &q);
            return;
        }
        dns_answer_begin(&a, message, &q, DNS_NO_NAME); /* internal: nobody outside is asked */
    }
    listen_reply(s, asker, a.bytes, a.len);
}

static void read_udp(struct server *s, struct source *source)
{
    struct listener *l = (struct listener *)(void *)source;
    static uint8_t message[DNS_MESSAGE_MAX];
    struct asker asker = {.listener = l, .peer_len = sizeof(asker.peer)};
    ssize_t n = recvfrom(source->fd, message, sizeof(message), MSG_DONTWAIT, &asker.peer.any,
                         &asker.peer_len);
    if (n > 0) {
        struct net_address from = address_of(&asker.peer);
        handle(s, &asker, find_asker(s, l->owner, &l->gateway, &from), message, (size_t)n);
    }
}

/* Whole questions, each behind its length (RFC 1035 §4.2.2). */
static void take_questions(struct server *s, struct stream *t)
{
    while (t->in_len >= 2 && !t->gone) {
        size_t len = (size_t)(t->in[0] << 8 | t->in[1]);
        if (t->in_len < 2 + len) {
            return;
        }
        struct asker asker = {.stream = t, .peer_len = sizeof(asker.peer)};
        (void)fill_peer(&t->peer, 0, &asker.peer);
        handle(s, &asker, find_asker(s, t->owner, &t->gateway, &t->peer), t->in + 2, len);
        memmove(t->in, t->in + 2 + len, t->in_len - 2 - len);
        t->in_len -= 2 + len;
    }
}

static void read_stream(struct server *s, struct source *source)
{
    struct stream *t = (struct stream *)(void *)source;
    ssize_t n = recv(source->fd, t->in + t->in_len, 2 + DNS_MESSAGE_MAX - t->in_len, MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        t->gone = true;
    } else if (n > 0) {
        t->in_len += (size_t)n;
        take_questions(s, t);
    }
}

static void accept_stream(struct server *s, struct source *source)
{
    struct listener *l =
        (struct listener *)(void *)((char *)source - offsetof(struct listener, tcp));
    union name_peer peer = {0};
    socklen_t len = sizeof(peer);
    CLEANUP(fd) int fd = accept4(source->fd, &peer.any, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0 || s->stream_count >= STREAMS_MAX) {
        return;
    }
    struct stream *t = xmalloc(sizeof(*t));
    struct stream made = {.source = {take_fd(&fd), read_stream},
                          .next = s->streams,
                          .gateway = l->gateway,
                          .peer = address_of(&peer),
                          .owner = xstrdup(l->owner),
                          .deadline_ms = clock_ms() + STREAM_TIMEOUT_MS,
                          .in = xmalloc(2 + DNS_MESSAGE_MAX)};
    memcpy(t, &made, sizeof(*t));
    s->streams = t;
    s->stream_count++;
    t->gone = server_watch(s, &t->source, EPOLLIN) < 0;
}

void listen_reply(struct server *s, struct asker *asker, const uint8_t *answer, size_t len)
{
    if (!asker->stream) {
        (void)!sendto(asker->listener->udp.fd, answer, len, MSG_DONTWAIT, &asker->peer.any,
                      asker->peer_len); /* one that is lost is asked again */
        return;
    }
    /* A container that does not read its answers loses the connection. */
    uint8_t head[2] = {(uint8_t)(len >> 8), (uint8_t)len};
    struct iovec parts[] = {{head, 2}, {(void *)answer, len}};
    struct msghdr m = {.msg_iov = parts, .msg_iovlen = 2};
    if (sendmsg(asker->stream->source.fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)len + 2) {
        asker->stream->gone = true;
    }
}

static int open_socket(const struct net_address *gateway, int type, struct error **err)
{
    union name_peer at;
    socklen_t len = fill_peer(gateway, DNS_PORT, &at);
    int on = 1;
    char text[NET_ADDRESS_BYTES];
    CLEANUP(fd) int fd = socket(gateway->family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 ||
        (type == SOCK_STREAM && /* connections of a server before us may linger */
         setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0) ||
        bind(fd, &at.any, len) < 0 || (type == SOCK_STREAM && listen(fd, BACKLOG) < 0)) {
        net_address_text(gateway, text);
        int r =
            error_set_errno(err, ERROR_BUSY, errno, "serving names at %s, port %d", text, DNS_PORT);
        return error_hint(err, r,
                          "a name server of the host's may have it: it should listen on "
                          "addresses of its own, not on all");
    }
    return take_fd(&fd);
}

struct listener *listen_add(struct server *s, int udp_take, int tcp_take)
{
    struct listener *l = xcalloc(1, sizeof(*l));
    *l = (struct listener){.udp = {udp_take, read_udp},
                           .tcp = {tcp_take, accept_stream},
                           .end.fd = -1,
                           .next = s->listeners};
    s->listeners = l;
    IGNORE(server_watch(s, &l->udp, EPOLLIN) < 0 || server_watch(s, &l->tcp, EPOLLIN) < 0);
    return l;
}

void listen_close(struct server *s, struct listener **at)
{
    struct listener *l = *at;
    *at = l->next;
    forward_forget(s, NULL, l);
    server_unwatch(&l->udp);
    server_unwatch(&l->tcp);
    server_unwatch(&l->end);
    l->next = s->closed;
    s->closed = l;
}

static int add_listener(struct server *s, const struct net_address *gateway, struct error **err)
{
    CLEANUP(fd) int udp = open_socket(gateway, SOCK_DGRAM, err);
    CLEANUP(fd) int tcp = udp < 0 ? -1 : open_socket(gateway, SOCK_STREAM, err);
    if (udp < 0 || tcp < 0) {
        return udp < 0 ? udp : tcp;
    }
    struct listener *l = listen_add(s, take_fd(&udp), take_fd(&tcp));
    l->gateway = *gateway;
    l->wanted = true;
    return 0;
}

static struct listener *find_listener(struct server *s, const struct net_address *gateway)
{
    struct listener *l = s->listeners;
    while (l && !net_address_equal(&l->gateway, gateway)) {
        l = l->next;
    }
    return l;
}

static void drop_unwanted(struct server *s)
{
    for (struct listener **at = &s->listeners; *at;) {
        struct listener *l = *at;
        if (l->wanted || (l->owner && book_find(&s->book, l->owner))) {
            l->wanted = false;
            at = &l->next;
        } else {
            listen_close(s, at);
        }
    }
}

int listen_follow(struct server *s, struct error **err)
{
    struct gateways all = {0};
    int r = 0;
    book_gateways(&s->book, &all);
    for (size_t i = 0; i < all.count; i++) {
        struct listener *l = find_listener(s, &all.items[i]);
        if (l) {
            l->wanted = true;
        } else {
            int added = add_listener(s, &all.items[i], r < 0 ? NULL : err);
            r = r < 0 ? r : added;
        }
    }
    free(all.items);
    drop_unwanted(s);
    return r;
}

void listen_sweep(struct server *s, int64_t now_ms)
{
    for (struct stream **at = &s->streams; *at;) {
        struct stream *t = *at;
        if (!t->gone && now_ms < t->deadline_ms) {
            at = &t->next;
            continue;
        }
        *at = t->next;
        s->stream_count--;
        forward_forget(s, t, NULL);
        server_unwatch(&t->source);
        free(t->owner);
        free(t->in);
        free(t);
    }
    while (s->closed) {
        struct listener *l = s->closed;
        s->closed = l->next;
        free(l->owner);
        free(l);
    }
}
