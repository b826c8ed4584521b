// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/file.h"
#include "base/json.h"
#include "net/device.h"
#include "net/helper.h"
#include "net/hold.h"
#include "net/lease.h"
#include "net/net.h"

#define HELD_MAX 64         /* sockets kept of one container; a range of thousands is only probed */
#define EPHEMERAL_TRIES 256 /* ports that other containers hold though their sockets are gone */

/* One reservation under way: what every step below needs. */
struct reservation {
    const struct net_request *request;
    const struct leases *leases;
    struct net_attachment *attachment;
};

/* "container 'web'", for messages. The caller frees. */
static char *holder_name(const struct net_request *q, const char *id)
{
    CLEANUP(json) json_t *container = NULL;
    CLEANUP(free) char *path = str_format("%s/containers/%s/container.json", q->data_dir, id);
    if (q->data_dir && json_load_path(AT_FDCWD, path, (size_t)16 << 20, &container, NULL) >= 0) {
        const char *name = json_string_value(json_object_get(container, "name"));
        if (name) {
            return str_format("container '%s'", name);
        }
    }
    return str_format("container %.12s", id);
}

/* Undoes in the kernel what outlives the network namespace: the host's end of the pair is cut off
 * now, and removed by the kernel together with the namespace; the redirections are removed by the
 * helper. A namespace given by path may live on: there the helper removes the pair, too. */
static int undo(const char *run_dir, const struct net_record *record, const char *netns,
                struct error **err)
{
    if (record->attachment->host_interface) {
        (void)net_device_down(record->attachment->host_interface); /* gone already, mostly */
    }
    if (json_array_size(record->attachment->ports) == 0 && !netns) {
        return 0;
    }
    const char *const arguments[] = {"detach", run_dir, record->id, netns, NULL};
    return net_helper_run(arguments, err);
}

/* Forgets an attachment whole, under the lock. No record: nothing to do. */
static int forget(const char *run_dir, const struct leases *l, const char *id, struct error **err)
{
    CLEANUP(net_record) struct net_record *record = NULL;
    int r = net_record_load(l->dir, id, &record, err);
    if (r == -ENOENT) {
        return 0;
    }
    r = r < 0 ? r : undo(run_dir, record, NULL, err);
    return r < 0 ? r : lease_drop(l, record, err);
}

/* Takes the leases of a holder back when it died without detaching. True: try again. */
static bool take_back(const char *run_dir, const struct leases *l, const char *holder)
{
    CLEANUP(net_record) struct net_record *record = NULL;
    return net_record_load(l->dir, holder, &record, NULL) >= 0 &&
           lease_holder_gone(run_dir, record) && forget(run_dir, l, holder, NULL) >= 0;
}

static bool take_back_all(const char *run_dir, const struct leases *l)
{
    CLEANUP(strv) struct strv ids = {0};
    bool any = false;
    net_record_list(l->dir, &ids);
    for (size_t i = 0; i < ids.count; i++) {
        any |= take_back(run_dir, l, ids.items[i]);
    }
    return any;
}

int net_take_back_all(const char *run_dir, struct error **err)
{
    CLEANUP(leases) struct leases l = LEASES_NONE;
    int r = leases_open(run_dir, &l, err);
    return r < 0 ? r : (int)take_back_all(run_dir, &l);
}

static int find_address(const struct reservation *v, const struct net_settings *s, uint32_t wanted,
                        uint32_t *ret, struct error **err)
{
    char holder[LEASE_HOLDER_BYTES];
    const char *network = v->request->network;
    int r = lease_find_address(v->leases, network, s, wanted, ret, holder);
    const char *run_dir = v->request->run_dir;
    if ((r == -EADDRINUSE && take_back(run_dir, v->leases, holder)) ||
        (r == -ENOSPC && take_back_all(run_dir, v->leases))) {
        r = lease_find_address(v->leases, network, s, wanted, ret, holder);
    }
    if (r == -EADDRINUSE) {
        CLEANUP(free) char *who = holder_name(v->request, holder);
        return error_set(err, ERROR_BUSY, EADDRINUSE, "address %s is already in use by %s",
                         v->request->ip, who);
    }
    if (r < 0) {
        r = error_set(err, ERROR_BUSY, ENOSPC, "network '%s' has no free address left", network);
        return error_hint(err, r, "give it a larger \"subnet\" in the config file");
    }
    return 0;
}

static int wanted_address(const struct net_request *q, const struct net_settings *s, uint32_t *ret,
                          struct error **err)
{
    *ret = 0;
    if (!q->ip) {
        return 0;
    }
    if (net_address_parse(q->ip, ret) < 0) {
        return error_set(err, ERROR_USAGE, EINVAL, "invalid address '%s': not an IPv4 address",
                         q->ip);
    }
    if (*ret < net_settings_first(s) || *ret > net_settings_last(s)) {
        char subnet[NET_ADDRESS_BYTES];
        net_address_text(s->subnet, subnet);
        return error_set(err, ERROR_USAGE, EINVAL, "address %s is not in network '%s' (%s/%d)",
                         q->ip, q->network, subnet, s->prefix_length);
    }
    if (*ret == s->gateway) {
        return error_set(err, ERROR_BUSY, EADDRINUSE, "address %s is the gateway's", q->ip);
    }
    return 0;
}

static int port_error(const struct reservation *v, const struct net_port *p, int code,
                      const char *holder, struct error **err)
{
    bool any = str_equal(p->address, "0.0.0.0");
    CLEANUP(free)
    char *what = any ? str_format("port %d/%s", p->host, p->proto)
                     : str_format("port %s:%d/%s", p->address, p->host, p->proto);
    if (code == EADDRNOTAVAIL) {
        return error_set(err, ERROR_USAGE, code,
                         "cannot publish on %s: not an address of this host", p->address);
    }
    if (code == EADDRINUSE && (p->host != p->host_last || p->host == 0)) {
        return error_set(err, ERROR_BUSY, EADDRINUSE, "no free port from %d to %d for %d/%s",
                         p->host ? p->host : 1, p->host ? p->host_last : 65535, p->container,
                         p->proto);
    }
    if (holder[0]) {
        CLEANUP(free) char *who = holder_name(v->request, holder);
        return error_set(err, ERROR_BUSY, code, "%s is already in use by %s", what, who);
    }
    if (code == EADDRINUSE) {
        return error_set(err, ERROR_BUSY, code, "%s is already in use by another program", what);
    }
    return error_set_errno(err, code == EACCES || code == EPERM ? ERROR_DENIED : ERROR_KERNEL, code,
                           "taking %s", what);
}

/* One candidate: 0 with the socket, -EADDRINUSE with the holder's id when a container has it. */
static int try_port(const struct reservation *v, const struct net_port *p, int *port, int *ret_fd,
                    char holder[LEASE_HOLDER_BYTES])
{
    holder[0] = '\0';
    bool chosen = *port != 0;
    while (chosen && lease_port_held(v->leases, p->proto, p->address, *port, holder)) {
        if (!take_back(v->request->run_dir, v->leases, holder)) {
            return -EADDRINUSE;
        }
        holder[0] = '\0';
    }
    int r = net_hold_port(p->proto, p->address, port, ret_fd);
    if (r >= 0 && !chosen && lease_port_held(v->leases, p->proto, p->address, *port, holder)) {
        *ret_fd = fd_close(*ret_fd); /* a container's that holds no socket */
        return -EADDRINUSE;
    }
    return r;
}

static int choose_port(const struct reservation *v, const struct net_port *p, int *ret_port,
                       int *ret_fd, struct error **err)
{
    char holder[LEASE_HOLDER_BYTES] = "";
    int tries = p->host ? p->host_last - p->host + 1 : EPHEMERAL_TRIES, r = 0;
    for (int i = 0; i < tries; i++) {
        *ret_port = p->host ? p->host + i : 0;
        r = try_port(v, p, ret_port, ret_fd, holder);
        if (r != -EADDRINUSE) {
            break;
        }
    }
    return r < 0 ? port_error(v, p, -r, holder, err) : 0;
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

static int choose_ports(const struct reservation *v, const struct net_ports *ports,
                        struct error **err)
{
    v->attachment->ports = json_array();
    for (size_t i = 0; i < ports->count; i++) {
        const struct net_port *p = &ports->items[i];
        int port = 0, fd = -1;
        if (strchr(p->address, ':')) {
            return error_set(err, ERROR_UNSUPPORTED, 0,
                             "cannot publish on [%s]: network '%s' has no IPv6", p->address,
                             v->request->network);
        }
        int r = choose_port(v, p, &port, &fd, err);
        if (r < 0) {
            return r;
        }
        keep_socket(v->attachment, fd);
        (void)json_array_append_new(v->attachment->ports,
                                    json_pack("{sssisiss}", "proto", p->proto, "container",
                                              p->container, "host", port, "address", p->address));
    }
    return 0;
}

/* As Docker's: a local address made from the IPv4 one, so that the two never disagree in anyone's
 * neighbour table. */
static char *derived_mac(uint32_t address)
{
    return str_format("02:42:%02x:%02x:%02x:%02x", address >> 24, (address >> 16) & 0xff,
                      (address >> 8) & 0xff, address & 0xff);
}

static int check_mac(const char *text, struct error **err)
{
    unsigned b[6];
    char end;
    int n = text ? sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%c", &b[0], &b[1], &b[2], &b[3], &b[4],
                          &b[5], &end)
                 : 6;
    if (n != 6 || (text && (b[0] & 1 || strlen(text) != 17))) {
        return error_set(err, ERROR_USAGE, EINVAL,
                         "invalid MAC address '%s': not six pairs of hex digits of one host", text);
    }
    return 0;
}

/* The host's end is named anew each time: that of the run before may still be about to vanish. */
static char *host_interface_name(void)
{
    CLEANUP(free) char *random = random_hex(5);
    return str_format("veth%s", random);
}

static void fill(struct net_attachment *a, const struct net_request *q,
                 const struct net_settings *s, uint32_t address)
{
    char text[NET_ADDRESS_BYTES];
    a->network = xstrdup(q->network);
    a->bridge = xstrdup(s->bridge);
    a->interface = xstrdup("eth0");
    a->host_interface = host_interface_name();
    net_address_text(address, text);
    a->address = xstrdup(text);
    a->prefix_length = s->prefix_length;
    net_address_text(s->gateway, text);
    a->gateway = xstrdup(text);
    a->mac_address = q->mac_address ? xstrdup(q->mac_address) : derived_mac(address);
}

/* Record first, leases after: see net/record.h. */
static int commit(const struct reservation *v, const struct net_settings *s, struct error **err)
{
    struct net_record record = {
        .id = (char *)v->request->id, /* borrowed: not freed */
        .settings = *s,
        .attachment = v->attachment,
        .reserver = getpid(),
        .reserver_start = net_process_start(getpid()),
    };
    int r = net_record_save(v->leases->dir, &record, err);
    r = r < 0 ? r : lease_take(v->leases, &record, err);
    if (r < 0) {
        IGNORE(lease_drop(v->leases, &record, NULL)); /* the first error is the one to tell */
    }
    return r;
}

static int reserve(const struct reservation *v, const struct net_settings *s,
                   const struct net_ports *ports, struct error **err)
{
    uint32_t wanted, address;
    int r = wanted_address(v->request, s, &wanted, err);
    r = r < 0 ? r : forget(v->request->run_dir, v->leases, v->request->id, err);
    r = r < 0 ? r : find_address(v, s, wanted, &address, err);
    if (r < 0) {
        return r;
    }
    fill(v->attachment, v->request, s, address);
    r = choose_ports(v, ports, err);
    return r < 0 ? r : commit(v, s, err);
}

int net_reserve(const struct net_request *request, struct net_attachment **ret, struct error **err)
{
    struct net_settings settings;
    CLEANUP(net_ports) struct net_ports ports = {0};
    CLEANUP(leases) struct leases leases = LEASES_NONE;
    CLEANUP(net_attachment) struct net_attachment *a = xcalloc(1, sizeof(*a));
    if (!str_equal(request->network, "bridge")) {
        return error_set(err, ERROR_NOT_FOUND, 0, "no such network: '%s'", request->network);
    }
    int r = net_settings_load(request->config_path, &settings, err);
    r = r < 0 ? r : net_ports_parse(request->publish, &ports, err);
    r = r < 0 ? r : check_mac(request->mac_address, err);
    r = r < 0 ? r : leases_open(request->run_dir, &leases, err);
    if (r < 0) {
        return r;
    }
    struct reservation v = {request, &leases, a};
    r = reserve(&v, &settings, &ports, err);
    if (r < 0) {
        return r;
    }
    *ret = take_ptr(a);
    return 0;
}

/* A restarted container keeps its reservation, but the pair of its last run may still be there: the
 * kernel removes it some time after the namespace. It is cut off, and the new one gets another
 * name.
 */
static int rename_if_taken(const struct net_request *request, struct net_attachment *a,
                           struct error **err)
{
    CLEANUP(leases) struct leases leases = LEASES_NONE;
    CLEANUP(net_record) struct net_record *record = NULL;
    if (!net_device_down(a->host_interface)) {
        return 0;
    }
    int r = leases_open(request->run_dir, &leases, err);
    r = r < 0 ? r : net_record_load(leases.dir, request->id, &record, err);
    if (r < 0) {
        return r == -ENOENT ? 0 : r; /* the helper tells that nothing is reserved */
    }
    free(a->host_interface);
    free(record->attachment->host_interface);
    a->host_interface = host_interface_name();
    record->attachment->host_interface = xstrdup(a->host_interface);
    return net_record_save(leases.dir, record, err);
}

int net_attach(const struct net_request *request, struct net_attachment *reserved,
               struct error **err)
{
    CLEANUP(free)
    char *netns = request->netns_path ? xstrdup(request->netns_path)
                                      : str_format("/proc/%d/ns/net", (int)request->pid);
    const char *const arguments[] = {"attach", request->run_dir, request->id, netns, NULL};
    int r = rename_if_taken(request, reserved, err);
    return r < 0 ? r : net_helper_run(arguments, err);
}

int net_detach(const struct net_request *request, struct error **err)
{
    CLEANUP(leases) struct leases leases = LEASES_NONE;
    CLEANUP(net_record) struct net_record *record = NULL;
    CLEANUP(free) char *path = str_format("%s/net", request->run_dir);
    CLEANUP(fd) int dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int r = dir < 0 ? -ENOENT : net_record_load(dir, request->id, &record, err);
    if (r == -ENOENT) {
        return 0;
    }
    /* The lock only behind the helper's work: others need not wait for it, and the leases, still
     * held, keep them from what is being undone. */
    r = r < 0 ? r : undo(request->run_dir, record, request->netns_path, err);
    r = r < 0 ? r : leases_open(request->run_dir, &leases, err);
    return r < 0 ? r : lease_drop(&leases, record, err);
}

int net_recover(const struct net_request *request, struct error **err)
{
    CLEANUP(leases) struct leases leases = LEASES_NONE;
    CLEANUP(free) char *path = str_format("%s/net", request->run_dir);
    int r = net_detach(request, err);
    if (r < 0 || access(path, F_OK) < 0) {
        return r;
    }
    r = leases_open(request->run_dir, &leases, err);
    if (r >= 0) {
        leases_sweep(&leases);
    }
    return r;
}
