// SPDX-License-Identifier: Apache-2.0
#include "net/hold.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "base/file.h"
#include "base/str.h"

static int set_reuse(int fd, int on)
{
    return setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ? -errno : 0;
}

/* A program that used the port and ended leaves connections behind that block a plain bind for a
 * minute, though nobody uses the port. Listening is what tells: it is refused only when somebody
 * does. SO_REUSEADDR is taken off again, since with it on both sides a bound port can be shared. */
static int bind_past_old_connections(int fd, const struct sockaddr_in *address)
{
    int r = set_reuse(fd, 1);
    if (r < 0) {
        return r;
    }
    if (bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 || listen(fd, 0) < 0 ||
        shutdown(fd, SHUT_RDWR) < 0) {
        return -errno;
    }
    return set_reuse(fd, 0);
}

static int bind_port(int fd, bool tcp, const struct sockaddr_in *address)
{
    if (bind(fd, (const struct sockaddr *)address, sizeof(*address)) == 0) {
        return 0;
    }
    if (errno != EADDRINUSE || !tcp) {
        return -errno;
    }
    return bind_past_old_connections(fd, address);
}

int net_hold_port(const char *proto, const char *address, int *port, int *ret_fd)
{
    bool tcp = str_equal(proto, "tcp"), udp = str_equal(proto, "udp");
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)*port)};
    if (inet_pton(AF_INET, address, &a.sin_addr) != 1) {
        return -EAFNOSUPPORT;
    }
    CLEANUP(fd)
    int fd = socket(AF_INET, (udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC,
                    tcp || udp ? 0 : IPPROTO_SCTP);
    *ret_fd = -1;
    if (fd < 0) {
        return tcp || udp || *port == 0 ? -errno : 0;
    }
    int r = bind_port(fd, tcp, &a);
    socklen_t len = sizeof(a);
    if (r < 0) {
        return r;
    }
    if (getsockname(fd, (struct sockaddr *)&a, &len) < 0) {
        return -errno;
    }
    *port = ntohs(a.sin_port);
    *ret_fd = take_fd(&fd);
    return 0;
}
