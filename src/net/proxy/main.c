// SPDX-License-Identifier: Apache-2.0
/* cloison-proxy PORT IPV6 IPV4: copies between descriptor 3, a connection of this host's, and the
 * container's port, at its IPv6 address or, when nobody answers there, its IPv4 one; "" is none.
 * Ends with the connection. It has given up every privilege before the first byte. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/str.h"

#define CLIENT_FD 3
#define CONNECT_TIMEOUT_S 5
#define COPY_BYTES 65536

union address {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
};

static int connect_to(const char *text, uint16_t port)
{
    union address a = {0};
    socklen_t len = sizeof(a.in6);
    struct timeval limit = {.tv_sec = CONNECT_TIMEOUT_S};
    if (inet_pton(AF_INET6, text, &a.in6.sin6_addr) == 1) {
        a.in6.sin6_family = AF_INET6;
    } else if (inet_pton(AF_INET, text, &a.in.sin_addr) == 1) {
        a.in.sin_family = AF_INET;
        len = sizeof(a.in);
    } else {
        return -1;
    }
    a.in.sin_port = htons(port);
    int fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) == 0 &&
        connect(fd, &a.any, len) == 0) {
        return fd;
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return -1;
}

/* One direction: what was read and not yet written. */
struct way {
    int from, to;
    char bytes[COPY_BYTES];
    size_t at, len;
    bool ended;
};

static bool write_some(struct way *w)
{
    ssize_t n = send(w->to, w->bytes + w->at, w->len - w->at, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0) {
        return errno == EAGAIN || errno == EINTR;
    }
    w->at += (size_t)n;
    return true;
}

static bool read_some(struct way *w)
{
    ssize_t n = recv(w->from, w->bytes, sizeof(w->bytes), MSG_DONTWAIT);
    if (n < 0) {
        return errno == EAGAIN || errno == EINTR;
    }
    w->at = 0;
    w->len = (size_t)n;
    if (n == 0) {
        w->ended = true;
        (void)shutdown(w->to, SHUT_WR); /* it may be gone already */
    }
    return true;
}

static void wants(const struct way *w, struct pollfd *from, struct pollfd *to)
{
    if (w->at < w->len) {
        to->events |= POLLOUT;
    } else if (!w->ended) {
        from->events |= POLLIN;
    }
}

static bool step(struct way *w, const struct pollfd *from, const struct pollfd *to)
{
    if (w->at < w->len) {
        return !(to->revents & (POLLOUT | POLLERR | POLLHUP)) || write_some(w);
    }
    return w->ended || !(from->revents & (POLLIN | POLLERR | POLLHUP)) || read_some(w);
}

static void copy(int client, int container)
{
    static struct way in, out;
    in.from = out.to = client;
    in.to = out.from = container;
    while (!in.ended || !out.ended) {
        struct pollfd fds[] = {{.fd = client}, {.fd = container}};
        wants(&in, &fds[0], &fds[1]);
        wants(&out, &fds[1], &fds[0]);
        if ((poll(fds, ARRAY_SIZE(fds), -1) < 0 && errno != EINTR) ||
            !step(&in, &fds[0], &fds[1]) || !step(&out, &fds[1], &fds[0])) {
            return;
        }
    }
}

static bool give_up_privileges(void)
{
    cap_t none = cap_init();
    bool done = none && cap_set_proc(none) == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
    (void)cap_free(none);
    return done;
}

int main(int argc, char **argv)
{
    int64_t port = 0;
    if (argc != 4 || str_to_i64(argv[1], 10, &port) < 0 || port < 1 || port > 65535 ||
        !give_up_privileges()) {
        return 1;
    }
    int container = connect_to(argv[2], (uint16_t)port);
    container = container < 0 ? connect_to(argv[3], (uint16_t)port) : container;
    if (container < 0) {
        struct linger reset = {.l_onoff = 1}; /* as if nobody listened */
        (void)setsockopt(CLIENT_FD, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
        return 1;
    }
    copy(CLIENT_FD, container);
    return 0;
}
