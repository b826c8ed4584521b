// SPDX-License-Identifier: Apache-2.0
#include "net/kernel/bridge.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/netconf.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/file.h"
#include "net/kernel/message.h"

/* The ioctls on addresses want a socket of their family. */
static bool has_address(const char *name, const struct net_address *address)
{
    CLEANUP(fd) int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq q = {0};
    memcpy(q.ifr_name, name, strlen(name));
    if (sock < 0 || ioctl(sock, SIOCGIFADDR, &q) < 0) {
        return false;
    }
    struct sockaddr_in a;
    memcpy(&a, &q.ifr_addr, sizeof(a));
    return memcmp(&a.sin_addr, address->bytes, sizeof(a.sin_addr)) == 0;
}

/* The IPv6 address is given in the same batch as the other. */
bool bridge_ready(const struct netlink *route, const struct net_network *n)
{
    struct ifreq q = {0};
    memcpy(q.ifr_name, n->device, strlen(n->device));
    return ioctl(mnl_socket_get_fd(route->socket), SIOCGIFFLAGS, &q) == 0 && q.ifr_flags & IFF_UP &&
           (!net_network_has(n, NET_IPV4) || has_address(n->device, &n->pools[NET_IPV4].gateway));
}

/* What the dump of the host's routes is searched for. */
struct overlap {
    const struct net_subnet *subnet;
    struct net_subnet route; /* base.family 0 while none is found */
};

static void compare_route(const struct nlmsghdr *m, void *context)
{
    struct overlap *o = context;
    const struct rtmsg *r = mnl_nlmsg_get_payload(m);
    const struct nlattr *a;
    struct net_subnet route = {.base.family = o->subnet->base.family, .prefix = r->rtm_dst_len};
    uint32_t table = r->rtm_table;
    if (m->nlmsg_type != RTM_NEWROUTE || r->rtm_type != RTN_UNICAST || r->rtm_dst_len == 0 ||
        r->rtm_family != route.base.family) {
        return;
    }
    mnl_attr_for_each(a, m, sizeof(*r))
    {
        if (mnl_attr_get_type(a) == RTA_DST &&
            mnl_attr_get_payload_len(a) == net_address_len(&route.base)) {
            memcpy(route.base.bytes, mnl_attr_get_payload(a), net_address_len(&route.base));
        } else if (mnl_attr_get_type(a) == RTA_TABLE) {
            table = mnl_attr_get_u32(a);
        }
    }
    if (table == RT_TABLE_MAIN && net_subnets_overlap(&route, o->subnet)) {
        o->route = route;
    }
}

static int check_overlap(struct netlink *route, const struct net_network *n,
                         const struct net_subnet *subnet, struct error **err)
{
    CLEANUP(batch) struct batch b = {0};
    struct overlap o = {.subnet = subnet};
    batch_begin(&b, false);
    struct nlmsghdr *m = batch_add(&b, RTM_GETROUTE, NLM_F_DUMP, "reading the routes", 0);
    struct rtmsg *r = mnl_nlmsg_put_extra_header(m, sizeof(*r));
    r->rtm_family = (unsigned char)subnet->base.family;
    int result = netlink_dump(route, &b, compare_route, &o, err);
    if (result < 0 || !o.route.base.family) {
        return result;
    }
    char ours[NET_SUBNET_BYTES], theirs[NET_SUBNET_BYTES];
    net_subnet_text(subnet, ours);
    net_subnet_text(&o.route, theirs);
    result = error_set(err, ERROR_BUSY, EADDRINUSE, "subnet %s overlaps the host's route to %s",
                       ours, theirs);
    return error_hint(err, result,
                      str_equal(n->name, "bridge")
                          ? "choose another \"network\": {\"subnet\": …} in the config file"
                          : "make the network anew with another --subnet");
}

static int check_overlaps(struct netlink *route, const struct net_network *n, struct error **err)
{
    int r = 0;
    for (int f = 0; f < NET_FAMILIES && r >= 0; f++) {
        r = net_network_has(n, f) ? check_overlap(route, n, &n->pools[f].subnet, err) : 0;
    }
    return r;
}

/* The bridge gets a hardware address of its own: otherwise it takes the lowest of its ports', which
 * changes with every container. */
static void add_bridge(struct batch *b, const struct net_network *n)
{
    char mac[18];
    const uint8_t *a = net_network_has(n, NET_IPV4)
                           ? n->pools[NET_IPV4].gateway.bytes
                           : n->pools[NET_IPV6].gateway.bytes + 4; /* of the subnet */
    (void)snprintf(mac, sizeof(mac), "02:42:%02x:%02x:%02x:%02x", a[0], a[1], a[2], a[3]);
    struct nlmsghdr *m =
        batch_add(b, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, "making the bridge", EEXIST);
    message_put_link(m, 0, IFF_UP);
    mnl_attr_put_strz(m, IFLA_IFNAME, n->device);
    message_put_mac(m, IFLA_ADDRESS, mac);
    if (n->mtu) {
        mnl_attr_put_u32(m, IFLA_MTU, (uint32_t)n->mtu);
    }
    struct nlattr *info = mnl_attr_nest_start(m, IFLA_LINKINFO);
    mnl_attr_put_strz(m, IFLA_INFO_KIND, "bridge");
    mnl_attr_nest_end(m, info);
}

static void read_kind(const struct nlmsghdr *m, void *context)
{
    const struct nlattr *a, *inner;
    mnl_attr_for_each(a, m, sizeof(struct ifinfomsg))
    {
        if (mnl_attr_get_type(a) == IFLA_LINKINFO) {
            mnl_attr_for_each_nested(inner, a)
            {
                if (mnl_attr_get_type(inner) == IFLA_INFO_KIND) {
                    *(bool *)context = str_equal(mnl_attr_get_str(inner), "bridge");
                }
            }
        }
    }
}

/* The name may be another device's. */
static int check_kind(struct netlink *route, const struct net_network *n, int index,
                      struct error **err)
{
    CLEANUP(batch) struct batch b = {0};
    bool is_bridge = false;
    batch_begin(&b, false);
    message_put_link(batch_add(&b, RTM_GETLINK, 0, "reading the bridge", 0), index, 0);
    int r = batch_run(route, &b, read_kind, &is_bridge, err);
    if (r >= 0 && !is_bridge) {
        r = error_set(err, ERROR_BUSY, EEXIST, "'%s' is a network device, but not a bridge",
                      n->device);
        return error_hint(err, r, "choose another \"network\": {\"bridge\": …} in the config file");
    }
    return r;
}

static int set_sysctl(const char *path, const char *value, struct error **err)
{
    CLEANUP(error) struct error *e = NULL;
    int r = file_write_existing(AT_FDCWD, path, value, &e);
    if (r == -EROFS || r == -EACCES || r == -EPERM) {
        r = error_set(err, ERROR_DENIED, -r, "cannot set '%s' to %s: %s", path, value,
                      strerror(-r));
        return error_hint(err, r, "set it on the host: echo %s > %s", value, path);
    }
    return r < 0 ? error_move(err, &e, r) : r;
}

/* So that a connection from the host's 127.0.0.1 to a published port may leave through the bridge;
 * the guard of each pair and the table keep the containers from the host's 127.0.0.0/8. */
static int allow_loopback_source(const struct net_network *n, struct error **err)
{
    CLEANUP(free)
    char *path = str_format("/proc/sys/net/ipv4/conf/%s/route_localnet", n->device);
    return set_sysctl(path, "1", err);
}

static int make_device(struct netlink *route, const struct net_network *n, struct error **err)
{
    CLEANUP(batch) struct batch make = {0};
    batch_begin(&make, false);
    add_bridge(&make, n);
    int r = check_overlaps(route, n, err);
    r = r < 0 ? r : batch_run(route, &make, NULL, NULL, err);
    return r == -EOPNOTSUPP ? error_hint(err, r, "this kernel needs bridge support (CONFIG_BRIDGE)")
                            : r;
}

int bridge_make(struct netlink *route, const struct net_network *n, struct error **err)
{
    CLEANUP(batch) struct batch set = {0};
    int index = message_index_of(route, n->device);
    int r = index ? check_kind(route, n, index, err) : make_device(route, n, err);
    if (r < 0) {
        return r;
    }
    index = message_index_of(route, n->device);
    batch_begin(&set, false);
    for (int f = 0; f < NET_FAMILIES; f++) {
        if (net_network_has(n, f)) {
            message_add_address(&set, index, &n->pools[f].gateway, n->pools[f].subnet.prefix,
                                "giving the bridge its address");
        }
    }
    message_add_up(&set, index, "bringing the bridge up");
    r = batch_run(route, &set, NULL, NULL, err);
    return r < 0 ? r : allow_loopback_source(n, err);
}

int bridge_remove(struct netlink *route, const struct net_network *n, struct error **err)
{
    CLEANUP(batch) struct batch b = {0};
    int index = message_index_of(route, n->device);
    int r = index ? check_kind(route, n, index, err) : 0;
    if (!index || r < 0) {
        return r;
    }
    batch_begin(&b, false);
    message_add_remove_link(&b, n->device, "removing the bridge");
    return batch_run(route, &b, NULL, NULL, err);
}

/* A host that forwards IPv6 no longer listens to its router's announcements, unless told so (2):
 * those devices that do now go on. */
static void keep_announcements(void)
{
    CLEANUP(strv) struct strv devices = {0};
    static const char folder[] = "/proc/sys/net/ipv6/conf";
    IGNORE(list_folder(AT_FDCWD, folder, &devices, NULL)); /* no IPv6: nothing to keep */
    for (size_t i = 0; i < devices.count; i++) {
        CLEANUP(free) char *path = str_format("%s/%s/accept_ra", folder, devices.items[i]);
        CLEANUP(free) char *now = NULL;
        if (file_read_line(AT_FDCWD, path, &now, NULL) >= 0 && str_equal(now, "1") &&
            !str_equal(devices.items[i], "all") && !str_equal(devices.items[i], "default")) {
            IGNORE(file_write_existing(AT_FDCWD, path, "2", NULL)); /* as it was before us */
        }
    }
}

static void read_forwarding(const struct nlmsghdr *m, void *context)
{
    const struct nlattr *a;
    mnl_attr_for_each(a, m, sizeof(struct netconfmsg))
    {
        if (mnl_attr_get_type(a) == NETCONFA_FORWARDING) {
            *(bool *)context = mnl_attr_get_u32(a) != 0;
        }
    }
}

/* Asked by netlink: opening the file below /proc/sys looks at those of every network namespace of
 * the host, a millisecond among 500 containers. */
static bool is_forwarding(struct netlink *route, int family)
{
    CLEANUP(batch) struct batch b = {0};
    bool on = false;
    batch_begin(&b, false);
    struct nlmsghdr *m = batch_add(&b, RTM_GETNETCONF, 0, "reading whether the host forwards", 0);
    struct netconfmsg *c = mnl_nlmsg_put_extra_header(m, sizeof(*c));
    c->ncm_family = family == NET_IPV6 ? AF_INET6 : AF_INET;
    mnl_attr_put_u32(m, NETCONFA_IFINDEX, (uint32_t)NETCONFA_IFINDEX_ALL);
    return batch_run(route, &b, read_forwarding, &on, NULL) >= 0 && on;
}

int bridge_forwarding_on(struct netlink *route, const struct net_network *n, struct error **err)
{
    static const char *const paths[] = {[NET_IPV4] = "/proc/sys/net/ipv4/ip_forward",
                                        [NET_IPV6] = "/proc/sys/net/ipv6/conf/all/forwarding"};
    int r = 0;
    for (int f = 0; f < NET_FAMILIES && r >= 0; f++) {
        CLEANUP(free) char *now = NULL;
        bool unknown = net_network_has(n, f) && !is_forwarding(route, f);
        r = unknown ? file_read_line(AT_FDCWD, paths[f], &now, err) : 0;
        if (r >= 0 && now && str_equal(now, "0")) {
            if (f == NET_IPV6) {
                keep_announcements();
            }
            r = set_sysctl(paths[f], "1", err);
        }
    }
    return r;
}
