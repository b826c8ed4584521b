// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/file.h"
#include "net/names/server.h"

#define RESOLV_CONF "/etc/resolv.conf"
#define RESOLV_MAX ((size_t)65536)

/* The host's resolvers, read again when its file has changed. systemd-resolved's stub, 127.0.0.53,
 * is as good as any: this process is on the host. */
static void follow_host(struct server *s)
{
    struct stat st = {0};
    CLEANUP(free) char *text = NULL;
    if (stat(RESOLV_CONF, &st) == 0 && st.st_mtim.tv_sec == s->host_changed.tv_sec &&
        st.st_mtim.tv_nsec == s->host_changed.tv_nsec) {
        return;
    }
    s->host_changed = st.st_mtim;
    strv_done(&s->host_upstreams);
    if (file_read(AT_FDCWD, RESOLV_CONF, RESOLV_MAX, &text, NULL, NULL) < 0) {
        return;
    }
    char *save = NULL;
    for (char *line = strtok_r(text, "\r\n", &save); line; line = strtok_r(NULL, "\r\n", &save)) {
        char *word = NULL;
        if (str_equal(strtok_r(line, " \t", &word), "nameserver")) {
            const char *address = strtok_r(NULL, " \t", &word);
            strv_add(&s->host_upstreams, str_or(address, ""));
        }
    }
}

static bool fill_upstream(const char *text, union name_peer *ret)
{
    struct net_address a;
    *ret = (union name_peer){0};
    if (net_address_parse(text, &a) < 0) {
        return false; /* a link-local one with its device: not followed */
    }
    ret->any.sa_family = (sa_family_t)a.family;
    ret->in.sin_port = htons(53);
    memcpy(a.family == AF_INET6 ? (void *)&ret->in6.sin6_addr : &ret->in.sin_addr, a.bytes,
           net_address_len(&a));
    return true;
}

static void fill_upstreams(struct server *s, const struct net_record *who, struct forward *f)
{
    const struct strv *list = &who->dns;
    if (!list->count) {
        follow_host(s);
        list = &s->host_upstreams;
    }
    for (size_t i = 0; i < list->count && f->upstream_count < UPSTREAMS_MAX; i++) {
        f->upstream_count += fill_upstream(list->items[i], &f->upstreams[f->upstream_count]);
    }
}

static void fail(struct server *s, struct forward *f)
{
    struct dns_question q;
    enum dns_code code;
    uint8_t bytes[DNS_MESSAGE_MAX];
    struct dns_answer a = {bytes, 0, sizeof(bytes)};
    f->question[0] = (uint8_t)(f->asked_id >> 8);
    f->question[1] = (uint8_t)f->asked_id;
    if (dns_parse(f->question, f->len, &q, &code)) {
        dns_answer_begin(&a, f->question, &q, DNS_FAILURE);
        listen_reply(s, &f->asker, a.bytes, a.len);
    }
    f->gone = true;
}

static void deliver(struct server *s, struct forward *f, uint8_t *answer, size_t len)
{
    answer[0] = (uint8_t)(f->asked_id >> 8);
    answer[1] = (uint8_t)f->asked_id;
    listen_reply(s, &f->asker, answer, len);
    f->gone = true;
}

/* Is it the answer to what we asked: our number, the same question? */
static bool is_ours(const struct forward *f, const uint8_t *answer, size_t len)
{
    struct dns_question q;
    enum dns_code code;
    return len >= DNS_HEADER_BYTES && answer[2] & 0x80 &&
           (answer[0] << 8 | answer[1]) == f->our_id && dns_parse(f->question, f->len, &q, &code) &&
           len >= q.end &&
           memcmp(answer + DNS_HEADER_BYTES, f->question + DNS_HEADER_BYTES,
                  q.end - DNS_HEADER_BYTES) == 0;
}

static void try_next(struct server *s, struct forward *f);

static void read_answer(struct server *s, struct source *source)
{
    struct forward *f = (struct forward *)(void *)source;
    static uint8_t answer[DNS_MESSAGE_MAX];
    ssize_t n = recv(source->fd, answer, sizeof(answer), MSG_DONTWAIT);
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        try_next(s, f); /* nobody listens there */
    } else if (n > 0 && is_ours(f, answer, (size_t)n)) {
        deliver(s, f, answer, (size_t)n);
    }
}

/* By TCP: connected, then the answer in pieces. */
static void go_on_tcp(struct server *s, struct source *source)
{
    struct forward *f = (struct forward *)(void *)source;
    if (!f->in) {
        uint8_t head[2] = {(uint8_t)(f->len >> 8), (uint8_t)f->len};
        struct iovec parts[] = {{head, 2}, {f->question, f->len}};
        struct msghdr m = {.msg_iov = parts, .msg_iovlen = 2};
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = source};
        if (sendmsg(source->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)f->len + 2 ||
            epoll_ctl(s->epoll, EPOLL_CTL_MOD, source->fd, &e) < 0) {
            try_next(s, f);
            return;
        }
        f->in = xmalloc(2 + DNS_MESSAGE_MAX);
        return;
    }
    ssize_t n = recv(source->fd, f->in + f->in_len, 2 + DNS_MESSAGE_MAX - f->in_len, MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        try_next(s, f);
        return;
    }
    f->in_len += n > 0 ? (size_t)n : 0;
    size_t len = f->in_len >= 2 ? (size_t)(f->in[0] << 8 | f->in[1]) : SIZE_MAX;
    if (len != SIZE_MAX && f->in_len >= 2 + len) {
        if (is_ours(f, f->in + 2, len)) {
            deliver(s, f, f->in + 2, len);
        } else {
            try_next(s, f);
        }
    }
}

/* Each try has a socket and a number of its own: an answer to an earlier one is nobody's. */
static bool ask(struct server *s, struct forward *f)
{
    const union name_peer *to = &f->upstreams[f->at];
    bool tcp = f->asker.stream != NULL;
    socklen_t len = to->any.sa_family == AF_INET6 ? sizeof(to->in6) : sizeof(to->in);
    CLEANUP(fd)
    int fd = socket(to->any.sa_family,
                    (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || (connect(fd, &to->any, len) < 0 && errno != EINPROGRESS)) {
        return false;
    }
    (void)!getrandom(&f->our_id, sizeof(f->our_id), 0); /* two bytes: cannot be short */
    f->question[0] = (uint8_t)(f->our_id >> 8);
    f->question[1] = (uint8_t)f->our_id;
    if (!tcp && send(fd, f->question, f->len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
        return false;
    }
    f->source = (struct source){take_fd(&fd), tcp ? go_on_tcp : read_answer};
    f->deadline_ms = clock_ms() + UPSTREAM_TIMEOUT_MS;
    return server_watch(s, &f->source, tcp ? EPOLLOUT : EPOLLIN) == 0;
}

static void try_next(struct server *s, struct forward *f)
{
    server_unwatch(&f->source);
    free(f->in);
    f->in = NULL;
    f->in_len = 0;
    while (++f->at < f->upstream_count) {
        if (ask(s, f)) {
            return;
        }
        server_unwatch(&f->source);
    }
    fail(s, f);
}

void forward_question(struct server *s, const struct asker *asker, const struct net_record *who,
                      const uint8_t *question, size_t len, const struct dns_question *q)
{
    struct forward *f = xcalloc(1, sizeof(*f));
    f->source.fd = -1;
    f->asker = *asker;
    f->asked_id = q->id;
    f->len = len;
    f->question = xmalloc(len);
    memcpy(f->question, question, len);
    f->next = s->forwards;
    s->forwards = f;
    s->forward_count++;
    fill_upstreams(s, who, f);
    if (!f->upstream_count || s->forward_count > FORWARDS_MAX) {
        fail(s, f);
    } else if (!ask(s, f)) {
        try_next(s, f);
    }
}

void forward_sweep(struct server *s, int64_t now_ms)
{
    for (struct forward *f = s->forwards; f; f = f->next) {
        if (!f->gone && now_ms >= f->deadline_ms) {
            try_next(s, f);
        }
    }
    for (struct forward **at = &s->forwards; *at;) {
        struct forward *f = *at;
        if (!f->gone) {
            at = &f->next;
            continue;
        }
        *at = f->next;
        s->forward_count--;
        server_unwatch(&f->source);
        free(f->question);
        free(f->in);
        free(f);
    }
}

void forward_forget(struct server *s, const struct stream *stream, const struct listener *l)
{
    for (struct forward *f = s->forwards; f; f = f->next) {
        bool theirs =
            stream ? f->asker.stream == stream : !f->asker.stream && f->asker.listener == l;
        f->gone |= theirs;
    }
}
