// SPDX-License-Identifier: Apache-2.0
/* cloison-names: answers containers that ask for each other by name, and asks the resolvers of the
 * host, or those of `--dns`, for everything else.
 *
 *     main.c      start, the loop, the end
 *     listen.c    sockets at the networks' gateways, by UDP and TCP; questions come in
 *     offered.c   sockets in the namespaces of containers whose networks have no gateway of ours
 *     forward.c   questions to others, and their answers
 *     book.c      who is called how
 *     message.c   the bytes
 *     lock_in.c   what the process may do from then on
 *
 * One process, one thread, one epoll loop. It follows <run_dir>/net/attachments by inotify; what
 * has changed is read before the next question is answered, so an answer is never older than the
 * question. It ends LINGER_MS after the last attachment with names. */
#pragma once

#include <netinet/in.h>
#include <sys/stat.h>

#include "net/names.h"
#include "net/names/book.h"

#define FORWARDS_MAX 512 /* questions under way; more are answered with a failure */
#define STREAMS_MAX 128  /* TCP connections of containers */
#define UPSTREAMS_MAX 4
#define UPSTREAM_TIMEOUT_MS 2000
#define STREAM_TIMEOUT_MS 10000
#define LINGER_MS 3000

struct server;
struct source { /* what epoll hands back */
    int fd;
    void (*ready)(struct server *s, struct source *source);
};

union name_peer {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
};

struct listener {
    struct source udp, tcp;
    struct net_address gateway; /* family 0: the sockets are in a container's own namespace */
    char *owner;                /* that container's id, else NULL */
    struct source end;          /* its pidfd */
    struct listener *next;
    bool wanted;
};

struct stream { /* one TCP connection of a container */
    struct source source;
    struct stream *next;
    const struct net_address gateway, peer;
    char *owner; /* the listener's */
    int64_t deadline_ms;
    uint8_t *in;
    size_t in_len;
    bool gone;
};

/* Who asked, to be answered later. */
struct asker {
    struct listener *listener; /* UDP: the socket that the answer leaves by */
    struct stream *stream;     /* TCP; NULL: UDP */
    union name_peer peer;
    socklen_t peer_len;
};

struct forward {
    struct source source; /* to the resolver */
    struct forward *next;
    struct asker asker;
    union name_peer upstreams[UPSTREAMS_MAX];
    size_t upstream_count, at;
    uint8_t *question;
    size_t len;
    uint16_t asked_id, our_id;
    int64_t deadline_ms;
    uint8_t *in; /* by TCP: what has come of the answer */
    size_t in_len;
    bool gone;
};

struct server {
    const char *run_dir;
    int dir, epoll;
    struct source changes, callers;
    struct book book;
    struct listener *listeners;
    struct listener *closed; /* in this round: epoll may still name them */
    struct stream *streams;
    struct forward *forwards;
    size_t stream_count, forward_count;
    int64_t idle_since_ms; /* 0: there is somebody */
    struct strv host_upstreams;
    struct timespec host_changed;
};

int server_watch(struct server *s, struct source *source, uint32_t events);
void server_unwatch(struct source *source); /* and closes */

/* listen.c: the sockets follow the book. The first that cannot be bound is the error. */
int listen_follow(struct server *s, struct error **err) NODISCARD;
/* The sockets are there, and watched from now on. */
struct listener *listen_add(struct server *s, int udp_take, int tcp_take);
/* No more questions by it, nor answers. */
void listen_close(struct server *s, struct listener **at);
void listen_reply(struct server *s, struct asker *asker, const uint8_t *answer, size_t len);
void listen_sweep(struct server *s, int64_t now_ms);

/* offered.c: sockets from net_names_offer(). What it cannot use it closes. */
void offered_take(struct server *s, const char *id, const int fds_take[NET_NAMES_FDS]);

/* forward.c */
void forward_question(struct server *s, const struct asker *asker, const struct net_record *who,
                      const uint8_t *question, size_t len, const struct dns_question *q);
void forward_sweep(struct server *s, int64_t now_ms);
/* Forgets what was asked on behalf of a connection or socket that goes. */
void forward_forget(struct server *s, const struct stream *stream, const struct listener *l);

/* lock_in.c: no capability but to bind ports below 1024, no new privileges, and only the system
 * calls that the loop makes; files can be read alone. */
int names_lock_in(struct error **err) NODISCARD;
