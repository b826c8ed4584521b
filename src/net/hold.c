// SPDX-License-Identifier: Apache-2.0
#include "net/hold.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "base/file.h"
#include "base/str.h"

#define EPHEMERAL_FIRST 32768 /* the kernel's ip_local_port_range, as it is when nobody sets it */
#define EPHEMERAL_LAST 60999

static int set_reuse(int fd, int on)
{
    return setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ? -errno : 0;
}

/* A program that used the port and ended leaves connections behind that block a plain bind for a
 * minute, though nobody uses the port. Listening is what tells: it is refused only when somebody
 * does. SO_REUSEADDR is taken off again, since with it on both sides a bound port can be shared. */
static int bind_past_old_connections(int fd, const struct sockaddr *address, socklen_t len)
{
    int r = set_reuse(fd, 1);
    if (r < 0) {
        return r;
    }
    if (bind(fd, address, len) < 0 || listen(fd, 0) < 0 || shutdown(fd, SHUT_RDWR) < 0) {
        return -errno;
    }
    return set_reuse(fd, 0);
}

static int bind_port(int fd, bool tcp, const struct sockaddr *address, socklen_t len)
{
    if (bind(fd, address, len) == 0) {
        return 0;
    }
    if (errno != EADDRINUSE || !tcp) {
        return -errno;
    }
    return bind_past_old_connections(fd, address, len);
}

/* Either family's, with the port in the same place. */
union socket_address {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
};

static int fill_address(const char *text, int port, union socket_address *ret, socklen_t *ret_len)
{
    *ret = (union socket_address){0};
    if (inet_pton(AF_INET, text, &ret->in.sin_addr) == 1) {
        ret->in.sin_family = AF_INET;
        *ret_len = sizeof(ret->in);
    } else if (inet_pton(AF_INET6, text, &ret->in6.sin6_addr) == 1) {
        ret->in6.sin6_family = AF_INET6;
        *ret_len = sizeof(ret->in6);
    } else {
        return -EAFNOSUPPORT;
    }
    ret->in.sin_port = htons((uint16_t)port);
    return 0;
}

/* The kernel has no SCTP of its own, so that no program of the host's can be in the way: of the
 * ports that Linux gives by itself. */
static int any_port(void)
{
    uint16_t random = 0;
    (void)getrandom(&random, sizeof(random), 0); /* never fails for so few bytes */
    return EPHEMERAL_FIRST + random % (EPHEMERAL_LAST - EPHEMERAL_FIRST + 1);
}

int net_hold_port(const char *proto, const char *address, int *port, int *ret_fd)
{
    bool tcp = str_equal(proto, "tcp"), udp = str_equal(proto, "udp");
    int on = 1;
    union socket_address a;
    socklen_t len = 0;
    *ret_fd = -1;
    int r = fill_address(address, *port, &a, &len);
    if (r < 0) {
        return r;
    }
    CLEANUP(fd)
    int fd = socket(a.any.sa_family, (udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC,
                    tcp || udp ? 0 : IPPROTO_SCTP);
    if (fd < 0 && (tcp || udp)) {
        return -errno;
    }
    if (fd < 0) {
        *port = *port ? *port : any_port();
        return 0;
    }
    if (a.any.sa_family == AF_INET6 &&
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0) {
        return -errno;
    }
    r = bind_port(fd, tcp, &a.any, len);
    len = sizeof(a);
    if (r < 0) {
        return r;
    }
    if (getsockname(fd, &a.any, &len) < 0) {
        return -errno;
    }
    *port = ntohs(a.in.sin_port);
    *ret_fd = take_fd(&fd);
    return 0;
}
