// SPDX-License-Identifier: Apache-2.0
#include "net/kernel/link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <netinet/ether.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/file.h"

#define LOOPBACK_INDEX 1 /* the first device of every network namespace */

static bool query(const struct netlink *route, const char *name, unsigned long request,
                  struct ifreq *q)
{
    *q = (struct ifreq){0};
    memcpy(q->ifr_name, name, strlen(name)); /* names are checked when the settings are read */
    return ioctl(mnl_socket_get_fd(route->socket), request, q) == 0;
}

static int index_of(const struct netlink *route, const char *name)
{
    struct ifreq q;
    return query(route, name, SIOCGIFINDEX, &q) ? q.ifr_ifindex : 0;
}

/* The ioctls on addresses want a socket of their family. */
static bool has_address(const char *name, uint32_t address)
{
    CLEANUP(fd) int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq q = {0};
    memcpy(q.ifr_name, name, strlen(name));
    if (sock < 0 || ioctl(sock, SIOCGIFADDR, &q) < 0) {
        return false;
    }
    struct sockaddr_in a;
    memcpy(&a, &q.ifr_addr, sizeof(a));
    return ntohl(a.sin_addr.s_addr) == address;
}

bool link_bridge_ready(const struct netlink *route, const struct net_settings *s, int *ret_index)
{
    struct ifreq q;
    *ret_index = index_of(route, s->bridge);
    return *ret_index && query(route, s->bridge, SIOCGIFFLAGS, &q) && q.ifr_flags & IFF_UP &&
           has_address(s->bridge, s->gateway);
}

static struct ifinfomsg *put_link(struct nlmsghdr *m, int index, unsigned flags)
{
    struct ifinfomsg *i = mnl_nlmsg_put_extra_header(m, sizeof(*i));
    i->ifi_family = AF_UNSPEC;
    i->ifi_index = index;
    i->ifi_flags = flags;
    i->ifi_change = flags;
    return i;
}

/* What the dump of the host's routes is searched for. */
struct overlap {
    const struct net_settings *settings;
    char route[64]; /* "10.0.0.0/8", empty while none is found */
};

static void compare_route(const struct nlmsghdr *m, void *context)
{
    struct overlap *o = context;
    const struct rtmsg *r = mnl_nlmsg_get_payload(m);
    const struct nlattr *a;
    uint32_t destination = 0, table = r->rtm_table;
    if (m->nlmsg_type != RTM_NEWROUTE || r->rtm_type != RTN_UNICAST || r->rtm_dst_len == 0) {
        return;
    }
    mnl_attr_for_each(a, m, sizeof(*r))
    {
        if (mnl_attr_get_type(a) == RTA_DST) {
            destination = ntohl(mnl_attr_get_u32(a));
        } else if (mnl_attr_get_type(a) == RTA_TABLE) {
            table = mnl_attr_get_u32(a);
        }
    }
    int shorter =
        r->rtm_dst_len < o->settings->prefix_length ? r->rtm_dst_len : o->settings->prefix_length;
    uint32_t mask = ~(uint32_t)0 << (32 - shorter);
    if (table == RT_TABLE_MAIN && ((destination ^ o->settings->subnet) & mask) == 0) {
        char text[NET_ADDRESS_BYTES];
        net_address_text(destination, text);
        (void)snprintf(o->route, sizeof(o->route), "%s/%d", text, r->rtm_dst_len);
    }
}

static int check_overlap(struct netlink *route, const struct net_settings *s, struct error **err)
{
    CLEANUP(batch) struct batch b = {0};
    struct overlap o = {.settings = s};
    batch_begin(&b, false);
    struct nlmsghdr *m = batch_add(&b, RTM_GETROUTE, NLM_F_DUMP, "reading the routes", 0);
    struct rtmsg *r = mnl_nlmsg_put_extra_header(m, sizeof(*r));
    r->rtm_family = AF_INET;
    int result = netlink_dump(route, &b, compare_route, &o, err);
    if (result < 0 || !o.route[0]) {
        return result;
    }
    char subnet[NET_ADDRESS_BYTES];
    net_address_text(s->subnet, subnet);
    result = error_set(err, ERROR_BUSY, EADDRINUSE, "subnet %s/%d overlaps the host's route to %s",
                       subnet, s->prefix_length, o.route);
    return error_hint(err, result,
                      "choose another \"network\": {\"subnet\": …} in the config file");
}

static void put_mac(struct nlmsghdr *m, uint16_t type, const char *text)
{
    struct ether_addr mac;
    if (ether_aton_r(text, &mac)) {
        mnl_attr_put(m, type, sizeof(mac), &mac);
    }
}

/* The bridge gets an address of its own: otherwise it takes the lowest of its ports', which changes
 * with every container. */
static void add_bridge(struct batch *b, const struct net_settings *s)
{
    char mac[18];
    (void)snprintf(mac, sizeof(mac), "02:42:%02x:%02x:%02x:%02x", s->gateway >> 24,
                   (s->gateway >> 16) & 0xff, (s->gateway >> 8) & 0xff, s->gateway & 0xff);
    struct nlmsghdr *m =
        batch_add(b, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, "making the bridge", EEXIST);
    (void)put_link(m, 0, IFF_UP);
    mnl_attr_put_strz(m, IFLA_IFNAME, s->bridge);
    put_mac(m, IFLA_ADDRESS, mac);
    struct nlattr *info = mnl_attr_nest_start(m, IFLA_LINKINFO);
    mnl_attr_put_strz(m, IFLA_INFO_KIND, "bridge");
    mnl_attr_nest_end(m, info);
}

static void add_address(struct batch *b, int index, uint32_t address, int prefix_length,
                        const char *what)
{
    struct nlmsghdr *m = batch_add(b, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, what, EEXIST);
    struct ifaddrmsg *i = mnl_nlmsg_put_extra_header(m, sizeof(*i));
    i->ifa_family = AF_INET;
    i->ifa_prefixlen = (unsigned char)prefix_length;
    i->ifa_index = (unsigned)index;
    mnl_attr_put_u32(m, IFA_LOCAL, htonl(address));
    mnl_attr_put_u32(m, IFA_ADDRESS, htonl(address));
    mnl_attr_put_u32(m, IFA_BROADCAST,
                     htonl(address | (uint32_t)(((uint64_t)1 << (32 - prefix_length)) - 1)));
}

static void add_up(struct batch *b, int index, const char *what)
{
    (void)put_link(batch_add(b, RTM_NEWLINK, 0, what, 0), index, IFF_UP);
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
static int check_kind(struct netlink *route, const struct net_settings *s, int index,
                      struct error **err)
{
    CLEANUP(batch) struct batch b = {0};
    bool is_bridge = false;
    batch_begin(&b, false);
    (void)put_link(batch_add(&b, RTM_GETLINK, 0, "reading the bridge", 0), index, 0);
    int r = batch_run(route, &b, read_kind, &is_bridge, err);
    if (r >= 0 && !is_bridge) {
        r = error_set(err, ERROR_BUSY, EEXIST, "'%s' is a network device, but not a bridge",
                      s->bridge);
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
 * the table's guard chain keeps the containers from the host's 127.0.0.0/8. */
static int allow_loopback_source(const struct net_settings *s, struct error **err)
{
    CLEANUP(free)
    char *path = str_format("/proc/sys/net/ipv4/conf/%s/route_localnet", s->bridge);
    return set_sysctl(path, "1", err);
}

int link_bridge_make(struct netlink *route, const struct net_settings *s, int *ret_index,
                     struct error **err)
{
    CLEANUP(batch) struct batch make = {0};
    CLEANUP(batch) struct batch set = {0};
    int r = 0;
    *ret_index = index_of(route, s->bridge);
    if (!*ret_index) {
        batch_begin(&make, false);
        add_bridge(&make, s);
        r = check_overlap(route, s, err);
        r = r < 0 ? r : batch_run(route, &make, NULL, NULL, err);
        if (r == -EOPNOTSUPP) {
            return error_hint(err, r, "this kernel needs bridge support (CONFIG_BRIDGE)");
        }
        *ret_index = index_of(route, s->bridge);
    } else {
        r = check_kind(route, s, *ret_index, err);
    }
    if (r < 0) {
        return r;
    }
    batch_begin(&set, false);
    add_address(&set, *ret_index, s->gateway, s->prefix_length, "giving the bridge its address");
    add_up(&set, *ret_index, "bringing the bridge up");
    r = batch_run(route, &set, NULL, NULL, err);
    return r < 0 ? r : allow_loopback_source(s, err);
}

static int remove_link(struct netlink *route, const char *name, const char *what,
                       struct error **err)
{
    CLEANUP(batch) struct batch b = {0};
    batch_begin(&b, false);
    struct nlmsghdr *m = batch_add(&b, RTM_DELLINK, 0, what, ENODEV);
    (void)put_link(m, 0, 0);
    mnl_attr_put_strz(m, IFLA_IFNAME, name);
    return batch_run(route, &b, NULL, NULL, err);
}

int link_bridge_remove(struct netlink *route, const struct net_settings *s, struct error **err)
{
    int index = index_of(route, s->bridge);
    int r = index ? check_kind(route, s, index, err) : 0;
    return index && r >= 0 ? remove_link(route, s->bridge, "removing the bridge", err) : r;
}

int link_pair_remove(struct netlink *route, const struct net_attachment *a, struct error **err)
{
    return remove_link(route, a->host_interface, "removing the device pair", err);
}

int link_forwarding_on(struct error **err)
{
    static const char path[] = "/proc/sys/net/ipv4/ip_forward";
    CLEANUP(free) char *now = NULL;
    int r = file_read_line(AT_FDCWD, path, &now, err);
    return r < 0 || !str_equal(now, "0") ? r : set_sysctl(path, "1", err);
}

/* veth's description of the other end: a link message of its own inside the attribute. It cannot be
 * up yet: the driver joins the two ends only behind it. */
static void put_peer(struct nlmsghdr *m, const struct net_attachment *a, int netns)
{
    struct nlattr *peer = mnl_attr_nest_start(m, VETH_INFO_PEER);
    (void)put_link(m, 0, 0);
    mnl_attr_put_strz(m, IFLA_IFNAME, a->interface);
    put_mac(m, IFLA_ADDRESS, a->mac_address);
    mnl_attr_put_u32(m, IFLA_NET_NS_FD, (uint32_t)netns);
    mnl_attr_nest_end(m, peer);
}

/* Whoever had the address before may have had another hardware address; the host forgets it. */
static void add_forget_neighbour(struct batch *b, const struct net_attachment *a, int bridge)
{
    uint32_t address;
    if (net_address_parse(a->address, &address) == 0) {
        struct nlmsghdr *m =
            batch_add(b, RTM_DELNEIGH, 0, "forgetting the address' last holder", ENOENT);
        struct ndmsg *n = mnl_nlmsg_put_extra_header(m, sizeof(*n));
        n->ndm_family = AF_INET;
        n->ndm_ifindex = bridge;
        mnl_attr_put_u32(m, NDA_DST, htonl(address));
    }
}

/* With br_netfilter the bridge itself redirects a packet, so that a container that calls its own
 * published port gets its packet back through the port it came from: a bridge does that only when
 * told. Not told without need: its own broadcasts would come back, too. */
static void add_hairpin(struct batch *b, const struct net_attachment *a)
{
    CLEANUP(free) char *filtered = NULL;
    static const char path[] = "/proc/sys/net/bridge/bridge-nf-call-iptables";
    if (file_read_line(AT_FDCWD, path, &filtered, NULL) < 0 || str_equal(filtered, "0")) {
        return;
    }
    struct nlmsghdr *m = batch_add(b, RTM_NEWLINK, 0, "setting the bridge's port", 0);
    (void)put_link(m, 0, 0);
    mnl_attr_put_strz(m, IFLA_IFNAME, a->host_interface);
    struct nlattr *info = mnl_attr_nest_start(m, IFLA_LINKINFO);
    mnl_attr_put_strz(m, IFLA_INFO_SLAVE_KIND, "bridge");
    struct nlattr *data = mnl_attr_nest_start(m, IFLA_INFO_SLAVE_DATA);
    mnl_attr_put_u8(m, IFLA_BRPORT_MODE, 1);
    mnl_attr_nest_end(m, data);
    mnl_attr_nest_end(m, info);
}

int link_pair_make(struct netlink *route, const struct net_attachment *a, int bridge, int netns,
                   struct error **err)
{
    CLEANUP(batch) struct batch b = {0};
    batch_begin(&b, false);
    add_forget_neighbour(&b, a, bridge);
    struct nlmsghdr *m =
        batch_add(&b, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, "making the device pair", 0);
    (void)put_link(m, 0, IFF_UP);
    mnl_attr_put_strz(m, IFLA_IFNAME, a->host_interface);
    mnl_attr_put_u32(m, IFLA_MASTER, (uint32_t)bridge);
    struct nlattr *info = mnl_attr_nest_start(m, IFLA_LINKINFO);
    mnl_attr_put_strz(m, IFLA_INFO_KIND, "veth");
    struct nlattr *data = mnl_attr_nest_start(m, IFLA_INFO_DATA);
    put_peer(m, a, netns);
    mnl_attr_nest_end(m, data);
    mnl_attr_nest_end(m, info);
    add_hairpin(&b, a);
    int r = batch_run(route, &b, NULL, NULL, err);
    if (r == -EOPNOTSUPP) {
        return error_hint(err, r, "this kernel needs veth devices (CONFIG_VETH)");
    }
    return r == -EEXIST ? error_hint(err, r, "the namespace has an '%s' already", a->interface) : r;
}

static void add_default_route(struct batch *b, int index, uint32_t gateway)
{
    struct nlmsghdr *m =
        batch_add(b, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, "setting the default route", 0);
    struct rtmsg *r = mnl_nlmsg_put_extra_header(m, sizeof(*r));
    r->rtm_family = AF_INET;
    r->rtm_table = RT_TABLE_MAIN;
    r->rtm_protocol = RTPROT_BOOT;
    r->rtm_scope = RT_SCOPE_UNIVERSE;
    r->rtm_type = RTN_UNICAST;
    mnl_attr_put_u32(m, RTA_GATEWAY, htonl(gateway));
    mnl_attr_put_u32(m, RTA_OIF, (uint32_t)index);
}

int link_configure_inside(const struct net_attachment *a, int netns, struct error **err)
{
    CLEANUP(netlink) struct netlink inside = {0};
    CLEANUP(batch) struct batch b = {0};
    uint32_t address, gateway;
    if (net_address_parse(a->address, &address) < 0 ||
        net_address_parse(a->gateway, &gateway) < 0) {
        return error_set(err, ERROR_CORRUPT, 0, "the attachment's record has no address");
    }
    if (setns(netns, CLONE_NEWNET) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "entering the network namespace");
    }
    int r = netlink_open(NETLINK_ROUTE, &inside, err);
    if (r < 0) {
        return r;
    }
    int index = index_of(&inside, a->interface);
    batch_begin(&b, false);
    add_up(&b, LOOPBACK_INDEX, "bringing the loopback device up");
    add_up(&b, index, "bringing the device up");
    add_address(&b, index, address, a->prefix_length, "giving the device its address");
    add_default_route(&b, index, gateway);
    return batch_run(&inside, &b, NULL, NULL, err);
}
