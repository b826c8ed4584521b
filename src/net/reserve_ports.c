// SPDX-License-Identifier: Apache-2.0
/* Ports of the host for a container: bound, so that they are its own before anything starts. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/file.h"
#include "net/client.h"
#include "net/hold.h"

#define HELD_MAX 128 /* sockets kept of one container; a range of thousands is only probed */
#define LOOP_BACKLOG 16
#define EPHEMERAL_TRIES 256 /* ports that other containers hold though their sockets are gone */

/* The addresses of the host that one -p is for: one, or the "all" of each family. */
struct targets {
    const char *addresses[NET_FAMILIES];
    size_t count;
    char chosen[NET_ADDRESS_BYTES]; /* the network's own */
};

static int port_error(const struct reservation *v, const struct net_port *p, const char *address,
                      int code, const char *holder, struct error **err)
{
    bool any = !address || str_equal(address, "0.0.0.0") || str_equal(address, "::");
    bool ipv6 = address && strchr(address, ':');
    CLEANUP(free)
    char *what = any ? str_format("port %d/%s", p->host, p->proto)
                     : str_format("port %s%s%s:%d/%s", ipv6 ? "[" : "", address, ipv6 ? "]" : "",
                                  p->host, p->proto);
    if (code == EADDRNOTAVAIL) {
        return error_set(err, ERROR_USAGE, code,
                         "cannot publish on %s: not an address of this host", address);
    }
    if (code == EADDRINUSE && (p->host != p->host_last || p->host == 0)) {
        return error_set(err, ERROR_BUSY, EADDRINUSE, "no free port from %d to %d for %d/%s",
                         p->host ? p->host : 1, p->host ? p->host_last : 65535, p->container,
                         p->proto);
    }
    if (holder[0]) {
        CLEANUP(free) char *who = client_holder_name(&v->request->place, holder);
        return error_set(err, ERROR_BUSY, code, "%s is already in use by %s", what, who);
    }
    if (code == EADDRINUSE) {
        return error_set(err, ERROR_BUSY, code, "%s is already in use by another program", what);
    }
    return error_set_errno(err, code == EACCES || code == EPERM ? ERROR_DENIED : ERROR_KERNEL, code,
                           "taking %s", what);
}

/* One candidate: 0 with the socket, -EADDRINUSE with the holder's id when a container has it. */
static int try_port(const struct reservation *v, const char *proto, const char *address, int *port,
                    int *ret_fd, char holder[LEASE_HOLDER_BYTES])
{
    holder[0] = '\0';
    bool chosen = *port != 0;
    while (chosen && lease_port_held(v->leases, proto, address, *port, holder)) {
        if (!client_take_back(v->request->place.run_dir, v->leases, holder)) {
            return -EADDRINUSE;
        }
        holder[0] = '\0';
    }
    int r = net_hold_port(proto, address, port, ret_fd);
    if (r >= 0 && !chosen && lease_port_held(v->leases, proto, address, *port, holder)) {
        *ret_fd = fd_close(*ret_fd); /* a container's that holds no socket */
        return -EADDRINUSE;
    }
    return r;
}

/* The same port at all targets, or none. */
static int try_targets(const struct reservation *v, const struct net_port *p,
                       const struct targets *t, int *port, int fds[NET_FAMILIES],
                       const char **ret_address, char holder[LEASE_HOLDER_BYTES])
{
    int r = 0;
    for (size_t i = 0; i < t->count && r >= 0; i++) {
        *ret_address = t->addresses[i];
        r = try_port(v, p->proto, t->addresses[i], port, &fds[i], holder);
    }
    for (size_t i = 0; i < t->count && r < 0; i++) {
        fds[i] = fd_close(fds[i]);
    }
    return r;
}

static void keep_socket(struct net_attachment *a, int fd)
{
    if (fd < 0 || a->held_count == HELD_MAX) {
        fd_close(fd);
        return;
    }
    a->held_fds = xrealloc(a->held_fds, (a->held_count + 1) * sizeof(*a->held_fds));
    a->held_fds[a->held_count++] = fd;
}

static void keep_loop(struct net_attachment *a, int fd, int container)
{
    int on = 1; /* connections of the run before may linger */
    if (a->loop_count == HELD_MAX ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
        listen(fd, LOOP_BACKLOG) < 0) {
        keep_socket(a, fd);
        return;
    }
    a->loops = xrealloc(a->loops, (a->loop_count + 1) * sizeof(*a->loops));
    a->loops[a->loop_count++] = (struct net_loop){fd, container};
}

/* What is sent to ::1 reaches the socket itself, also one that is bound to all addresses; and what
 * is sent to any IPv6 address of the host's when the container has none that it could be redirected
 * to. */
static void keep(struct net_attachment *a, const struct net_port *p, const char *address, int fd)
{
    bool loop = str_equal(address, "::") || str_equal(address, "::1") ||
                (strchr(address, ':') && !net_attachment_entry(a, NET_IPV6));
    if (fd >= 0 && loop && str_equal(p->proto, "tcp")) {
        keep_loop(a, fd, p->container);
    } else {
        keep_socket(a, fd);
    }
}

/* A port of all addresses is one of ::1, too, when the network has no IPv6. Somebody else's there
 * is left alone. */
static void take_loop(struct net_attachment *a, const struct net_port *p, int port)
{
    int fd = -1;
    if (net_hold_port("tcp", "::1", &port, &fd) >= 0 && fd >= 0) {
        keep_loop(a, fd, p->container);
    }
}

static int choose_port(const struct reservation *v, const struct net_port *p,
                       const struct targets *t, struct error **err)
{
    char holder[LEASE_HOLDER_BYTES] = "";
    const char *address = NULL;
    int fds[NET_FAMILIES] = {-1, -1}, port = 0, r = 0;
    int tries = p->host ? p->host_last - p->host + 1 : EPHEMERAL_TRIES;
    for (int i = 0; i < tries; i++) {
        port = p->host ? p->host + i : 0;
        r = try_targets(v, p, t, &port, fds, &address, holder);
        if (r != -EADDRINUSE) {
            break;
        }
    }
    if (r < 0) {
        return port_error(v, p, address, -r, holder, err);
    }
    for (size_t i = 0; i < t->count; i++) {
        keep(v->attachment, p, t->addresses[i], fds[i]);
        (void)json_array_append_new(v->attachment->ports,
                                    json_pack("{s:s, s:i, s:i, s:s}", "proto", p->proto,
                                              "container", p->container, "host", port, "address",
                                              t->addresses[i]));
    }
    if (!p->address[0] && t->count == 1 && str_equal(t->addresses[0], "0.0.0.0") &&
        str_equal(p->proto, "tcp")) {
        take_loop(v->attachment, p, port);
    }
    return 0;
}

/* A port without an address of its own goes to the network's, or to all of both families. */
static void find_targets(const struct net_attachment *a, const struct net_port *p,
                         struct targets *ret)
{
    static const char *const all[] = {[NET_IPV4] = "0.0.0.0", [NET_IPV6] = "::"};
    const struct net_endpoint *first = net_attachment_entry(a, NET_IPV4);
    if (!p->address[0] && first) {
        net_address_text(&first->network->publish_address, ret->chosen);
    }
    const char *one = p->address[0] ? p->address : ret->chosen;
    for (int f = 0; f < NET_FAMILIES; f++) {
        bool fits = !one[0] || (strchr(one, ':') != NULL) == (f == NET_IPV6);
        bool passed_on = f == NET_IPV6 && one[0] && first && str_equal(p->proto, "tcp");
        if (fits && (net_attachment_entry(a, f) || passed_on)) {
            ret->addresses[ret->count++] = one[0] ? one : all[f];
        }
    }
}

/* As Docker, where no network is a bridge that leads out nothing is published; the command line has
 * warned of that. An address of a family that those which are have not is an error. */
static int no_target(const struct net_attachment *a, const struct net_port *p, struct error **err)
{
    bool ipv6 = strchr(p->address, ':');
    const struct net_endpoint *other = net_attachment_entry(a, ipv6 ? NET_IPV4 : NET_IPV6);
    if (!other) {
        return 0;
    }
    return error_set(err, ERROR_USAGE, 0, "cannot publish on %s%s%s: network '%s' has no IPv%d",
                     ipv6 ? "[" : "", p->address, ipv6 ? "]" : "", other->network->name,
                     ipv6 ? 6 : 4);
}

int client_choose_ports(const struct reservation *v, struct error **err)
{
    CLEANUP(net_ports) struct net_ports ports = {0};
    int r = net_ports_parse(v->request->publish, &ports, err);
    v->attachment->ports = json_array();
    for (size_t i = 0; i < ports.count && r >= 0; i++) {
        struct targets t = {0};
        find_targets(v->attachment, &ports.items[i], &t);
        r = t.count ? choose_port(v, &ports.items[i], &t, err)
                    : no_target(v->attachment, &ports.items[i], err);
    }
    return r;
}
