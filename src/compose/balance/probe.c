// SPDX-License-Identifier: Apache-2.0
#include "compose/balance/probe.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "base/file.h"

#define STATUS_AT 9 /* RFC 9112 §4: "HTTP/1.1 200" */

static void finish(struct probe *p, bool answers)
{
    p->answers = answers;
    p->state = PROBE_DONE;
    p->fd = fd_close(p->fd);
}

void probe_begin(struct probe *p, const struct replica *r)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)r->port)};
    *p = (struct probe){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (p->fd < 0 || inet_pton(AF_INET, r->address, &to.sin_addr) != 1 ||
        (connect(p->fd, (const struct sockaddr *)&to, sizeof(to)) < 0 && errno != EINPROGRESS)) {
        finish(p, false);
    }
}

short probe_events(const struct probe *p)
{
    return p->state == PROBE_CONNECTING ? POLLOUT : POLLIN;
}

static void connected(struct probe *p, const struct replica *r)
{
    int code = 0;
    socklen_t size = sizeof(code);
    if (getsockopt(p->fd, SOL_SOCKET, SO_ERROR, &code, &size) < 0 || code != 0 || !r->path) {
        finish(p, code == 0);
        return;
    }
    CLEANUP(free)
    char *request = str_format("GET %s HTTP/1.0\r\nHost: %s\r\nUser-Agent: cloison\r\n\r\n",
                               r->path, r->service);
    p->state = PROBE_ASKING;
    if (send(p->fd, request, strlen(request), MSG_NOSIGNAL) != (ssize_t)strlen(request)) {
        finish(p, false);
    }
}

void probe_step(struct probe *p, const struct replica *r)
{
    if (p->state == PROBE_CONNECTING) {
        connected(p, r);
        return;
    }
    ssize_t n = read(p->fd, p->head + p->len, STATUS_AT + 1 - p->len);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    p->len += n > 0 ? (size_t)n : 0;
    if (n <= 0) {
        finish(p, false);
    } else if (p->len > STATUS_AT) {
        finish(p, str_starts(p->head, "HTTP/1.") &&
                      (p->head[STATUS_AT] == '2' || p->head[STATUS_AT] == '3'));
    }
}

void probe_done(struct probe *p)
{
    p->fd = fd_close(p->fd);
}
