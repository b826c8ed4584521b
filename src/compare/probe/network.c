// SPDX-License-Identifier: Apache-2.0
/* To the host and back. The protocol: the client's first byte is 'e' (every byte comes back) or 's'
 * (bytes are read away; when the client has ended its side, one byte says that all arrived). */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "compare/probe/probe.h"

#define CHUNK_BYTES ((size_t)64 << 10)
#define PATIENCE_S 30 /* a loaded host is slow, not gone */

static char chunk[CHUNK_BYTES];

uint32_t probe_gateway(const char *text)
{
    for (const char *line = text; line && *line; line = strchr(line, '\n')) {
        line += *line == '\n';
        char interface[32];
        unsigned destination = 1, gateway = 0;
        if (sscanf(line, "%31s %x %x", interface, &destination, &gateway) == 3 &&
            destination == 0 && gateway != 0) {
            return gateway; /* the kernel prints it in network byte order */
        }
    }
    return 0;
}

static uint32_t server_address(const struct probe_context *c)
{
    char text[4096] = "";
    if (c->address) {
        return c->address;
    }
    int fd = open("/proc/net/route", O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        ssize_t n = read(fd, text, sizeof(text) - 1);
        text[n > 0 ? n : 0] = '\0';
        (void)close(fd);
    }
    return probe_gateway(text);
}

static int connected(const struct probe_context *c, char mode)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)c->port)};
    struct timeval patience = {.tv_sec = PATIENCE_S};
    int on = 1;
    to.sin_addr.s_addr = server_address(c);
    if (c->port == 0 || to.sin_addr.s_addr == 0) {
        return -ENETUNREACH;
    }
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -errno;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (connect(fd, (const struct sockaddr *)&to, sizeof(to)) < 0 || write(fd, &mode, 1) != 1) {
        int r = errno == EINPROGRESS ? -ETIMEDOUT : -errno;
        (void)close(fd);
        return r;
    }
    return fd;
}

static int send_for(int fd, uint64_t ns, uint64_t *ret_sent)
{
    uint64_t begin = probe_now();
    while (probe_now() - begin < ns) {
        ssize_t n = send(fd, chunk, sizeof(chunk), MSG_NOSIGNAL);
        if (n <= 0) {
            return n < 0 ? -errno : -EPIPE;
        }
        *ret_sent += (uint64_t)n;
    }
    return 0;
}

int probe_net_throughput(const struct probe_context *c, double *ret)
{
    int fd = connected(c, 's');
    if (fd < 0) {
        return fd;
    }
    uint64_t begin = probe_now(), sent = 0;
    char byte;
    int r = send_for(fd, c->ns, &sent);
    if (r >= 0 && (shutdown(fd, SHUT_WR) < 0 || read(fd, &byte, 1) != 1)) {
        r = -EPIPE;
    }
    if (r >= 0) {
        *ret = (double)sent * 1000 / (double)(probe_now() - begin);
    }
    (void)close(fd);
    return r;
}

int probe_net_latency(const struct probe_context *c, double *ret)
{
    int fd = connected(c, 'e');
    if (fd < 0) {
        return fd;
    }
    char byte = 'p';
    int r = 0;
    uint64_t begin = probe_now(), now = begin, count = 0;
    while (r >= 0 && now - begin < c->ns) {
        r = send(fd, &byte, 1, MSG_NOSIGNAL) == 1 && read(fd, &byte, 1) == 1 ? 0 : -EPIPE;
        count++;
        now = probe_now();
    }
    if (r >= 0) {
        *ret = (double)(now - begin) / (double)count / 1000;
    }
    (void)close(fd);
    return r;
}

static void serve_one(int fd)
{
    struct timeval patience = {.tv_sec = PATIENCE_S};
    int on = 1;
    char mode = 0;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (read(fd, &mode, 1) != 1) {
        return;
    }
    for (;;) {
        ssize_t n = read(fd, chunk, sizeof(chunk));
        if (n <= 0) {
            break;
        }
        if (mode == 'e' && send(fd, chunk, (size_t)n, MSG_NOSIGNAL) != n) {
            return;
        }
    }
    (void)send(fd, &mode, 1, MSG_NOSIGNAL);
}

int probe_serve(int listener)
{
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0 && errno != EINTR && errno != ECONNABORTED) {
            return -errno;
        }
        if (fd >= 0) {
            serve_one(fd);
            (void)close(fd);
        }
    }
}
