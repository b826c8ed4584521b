// SPDX-License-Identifier: Apache-2.0
#include "net/kernel/link.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>

#include "base/file.h"
#include "net/kernel/message.h"

#define LOOPBACK_INDEX 1 /* the first device of every network namespace */

static void put_mtu(struct nlmsghdr *m, const struct net_network *n)
{
    if (n->mtu) {
        mnl_attr_put_u32(m, IFLA_MTU, (uint32_t)n->mtu);
    }
}

/* veth's description of the other end: a link message of its own inside the attribute. It cannot be
 * up yet: the driver joins the two ends only behind it. */
static void put_peer(struct nlmsghdr *m, const struct net_endpoint *e, int netns)
{
    struct nlattr *peer = mnl_attr_nest_start(m, VETH_INFO_PEER);
    message_put_link(m, 0, 0);
    mnl_attr_put_strz(m, IFLA_IFNAME, e->interface);
    message_put_mac(m, IFLA_ADDRESS, e->mac_address);
    put_mtu(m, e->network);
    mnl_attr_put_u32(m, IFLA_NET_NS_FD, (uint32_t)netns);
    mnl_attr_nest_end(m, peer);
}

/* Whoever had the address before may have had another hardware address; the host forgets it. */
static void add_forget_neighbour(struct batch *b, const struct net_address *a, int bridge)
{
    if (a->family) {
        struct nlmsghdr *m =
            batch_add(b, RTM_DELNEIGH, 0, "forgetting the address' last holder", ENOENT);
        struct ndmsg *n = mnl_nlmsg_put_extra_header(m, sizeof(*n));
        n->ndm_family = (unsigned char)a->family;
        n->ndm_ifindex = bridge;
        mnl_attr_put(m, NDA_DST, net_address_len(a), a->bytes);
    }
}

static bool bridge_is_filtered(void)
{
    CLEANUP(free) char *filtered = NULL;
    static const char path[] = "/proc/sys/net/bridge/bridge-nf-call-iptables";
    return file_read_line(AT_FDCWD, path, &filtered, NULL) >= 0 && !str_equal(filtered, "0");
}

/* With br_netfilter the bridge itself redirects a packet, so that a container that calls its own
 * published port gets its packet back through the port it came from: a bridge does that only when
 * told (hairpin). Not told without need: its own broadcasts would come back, too. Containers that
 * are not to reach each other are isolated ports: the bridge itself keeps them apart. */
static void add_port_mode(struct batch *b, const struct net_endpoint *e)
{
    bool hairpin = bridge_is_filtered(), isolated = !e->network->mutual;
    if (!hairpin && !isolated) {
        return;
    }
    struct nlmsghdr *m = batch_add(b, RTM_NEWLINK, 0, "setting the bridge's port", 0);
    message_put_link(m, 0, 0);
    mnl_attr_put_strz(m, IFLA_IFNAME, e->host_interface);
    struct nlattr *info = mnl_attr_nest_start(m, IFLA_LINKINFO);
    mnl_attr_put_strz(m, IFLA_INFO_SLAVE_KIND, "bridge");
    struct nlattr *data = mnl_attr_nest_start(m, IFLA_INFO_SLAVE_DATA);
    mnl_attr_put_u8(m, IFLA_BRPORT_MODE, hairpin);
    if (isolated) {
        mnl_attr_put_u8(m, IFLA_BRPORT_ISOLATED, 1);
    }
    mnl_attr_nest_end(m, data);
    mnl_attr_nest_end(m, info);
}

/* No link-local IPv6 address is made for a device that has no use of one, which is down still. It
 * would be four routes more of the host's, which it walks whenever a device comes or goes, and
 * messages to every port of the bridge. By index, or by name. */
static void add_no_link_local(struct batch *b, int index, const char *name)
{
    struct nlmsghdr *m =
        batch_add(b, RTM_NEWLINK, 0, "setting the device's IPv6 mode", EAFNOSUPPORT);
    message_put_link(m, index, 0);
    if (name) {
        mnl_attr_put_strz(m, IFLA_IFNAME, name);
    }
    struct nlattr *families = mnl_attr_nest_start(m, IFLA_AF_SPEC);
    struct nlattr *ipv6 = mnl_attr_nest_start(m, AF_INET6);
    mnl_attr_put_u8(m, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
    mnl_attr_nest_end(m, ipv6);
    mnl_attr_nest_end(m, families);
}

static void add_pair(struct batch *b, const struct net_endpoint *e, int bridge, int netns)
{
    for (int f = 0; f < NET_FAMILIES; f++) {
        add_forget_neighbour(b, &e->addresses[f], bridge);
    }
    struct nlmsghdr *m =
        batch_add(b, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, "making the device pair", 0);
    message_put_link(m, 0, 0);
    mnl_attr_put_strz(m, IFLA_IFNAME, e->host_interface);
    mnl_attr_put_u32(m, IFLA_MASTER, (uint32_t)bridge);
    put_mtu(m, e->network);
    struct nlattr *info = mnl_attr_nest_start(m, IFLA_LINKINFO);
    mnl_attr_put_strz(m, IFLA_INFO_KIND, "veth");
    struct nlattr *data = mnl_attr_nest_start(m, IFLA_INFO_DATA);
    put_peer(m, e, netns);
    mnl_attr_nest_end(m, data);
    mnl_attr_nest_end(m, info);
    add_no_link_local(b, 0, e->host_interface);
    m = batch_add(b, RTM_NEWLINK, 0, "bringing the host's end up", 0);
    message_put_link(m, 0, IFF_UP);
    mnl_attr_put_strz(m, IFLA_IFNAME, e->host_interface);
    add_port_mode(b, e);
}

static uint32_t macvlan_mode(const char *mode)
{
    return str_equal(mode, "private")    ? MACVLAN_MODE_PRIVATE
           : str_equal(mode, "vepa")     ? MACVLAN_MODE_VEPA
           : str_equal(mode, "passthru") ? MACVLAN_MODE_PASSTHRU
                                         : MACVLAN_MODE_BRIDGE;
}

static uint16_t ipvlan_mode(const char *mode)
{
    return str_equal(mode, "l3")    ? IPVLAN_MODE_L3
           : str_equal(mode, "l3s") ? IPVLAN_MODE_L3S
                                    : IPVLAN_MODE_L2;
}

/* A device made of one of the host's. netns -1: here. */
static void add_child(struct batch *b, const struct net_network *n, const char *name,
                      const char *mac, int parent, int netns)
{
    bool is_mac = str_equal(n->driver, "macvlan");
    struct nlmsghdr *m =
        batch_add(b, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL,
                  is_mac ? "making the macvlan device" : "making the ipvlan device", 0);
    message_put_link(m, 0, 0);
    mnl_attr_put_strz(m, IFLA_IFNAME, name);
    mnl_attr_put_u32(m, IFLA_LINK, (uint32_t)parent);
    message_put_mac(m, IFLA_ADDRESS, mac);
    put_mtu(m, n);
    if (netns >= 0) {
        mnl_attr_put_u32(m, IFLA_NET_NS_FD, (uint32_t)netns);
    }
    struct nlattr *info = mnl_attr_nest_start(m, IFLA_LINKINFO);
    mnl_attr_put_strz(m, IFLA_INFO_KIND, n->driver);
    struct nlattr *data = mnl_attr_nest_start(m, IFLA_INFO_DATA);
    if (is_mac) {
        mnl_attr_put_u32(m, IFLA_MACVLAN_MODE, macvlan_mode(n->mode));
    } else {
        mnl_attr_put_u16(m, IFLA_IPVLAN_MODE, ipvlan_mode(n->mode));
    }
    mnl_attr_nest_end(m, data);
    mnl_attr_nest_end(m, info);
}

static int hint(int r, const struct net_network *n, struct error **err)
{
    if (r == -EOPNOTSUPP) {
        return error_hint(err, r, "this kernel has no devices of the kind '%s'",
                          net_network_is_bridge(n) ? "veth" : n->driver);
    }
    if (r == -EINVAL && !net_network_is_bridge(n)) {
        return error_hint(err, r, "the device '%s' cannot carry one", n->device);
    }
    return r == -EEXIST ? error_hint(err, r, "the namespace has a device of this name already") : r;
}

int link_make(struct netlink *route, const struct net_endpoint *ends, size_t count, int netns,
              struct error **err)
{
    CLEANUP(batch) struct batch b = {0};
    batch_begin(&b, false);
    for (size_t i = 0; i < count; i++) {
        const struct net_network *n = ends[i].network;
        int index = message_index_of(route, n->device);
        if (!index) {
            return error_set(err, ERROR_NOT_FOUND, ENODEV, "the host has no network device '%s'",
                             n->device);
        }
        if (net_network_is_bridge(n)) {
            add_pair(&b, &ends[i], index, netns);
        } else {
            add_child(&b, n, ends[i].interface, ends[i].mac_address, index, netns);
        }
    }
    return count ? hint(batch_run(route, &b, NULL, NULL, err), ends[0].network, err) : 0;
}

int link_remove(struct netlink *route, const struct net_endpoint *ends, size_t count,
                struct error **err)
{
    CLEANUP(batch) struct batch b = {0};
    batch_begin(&b, false);
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        if (ends[i].host_interface) {
            message_add_remove_link(&b, ends[i].host_interface, "removing the device pair");
            any = true;
        }
    }
    return any ? batch_run(route, &b, NULL, NULL, err) : 0;
}

int link_try(struct netlink *route, const struct net_network *n, struct error **err)
{
    CLEANUP(batch) struct batch b = {0};
    CLEANUP(free) char *random = random_hex(5);
    CLEANUP(free) char *name = str_format("try%s", random);
    int parent = message_index_of(route, n->device);
    if (!parent) {
        return error_set(err, ERROR_NOT_FOUND, ENODEV, "the host has no network device '%s'",
                         n->device);
    }
    batch_begin(&b, false);
    add_child(&b, n, name, NULL, parent, -1);
    message_add_remove_link(&b, name, "removing a device");
    return hint(batch_run(route, &b, NULL, NULL, err), n, err);
}

/* Out by the gateway; in ipvlan's layer 3 there is none, the device itself leads out. */
static void add_default_route(struct batch *b, int index, const struct net_network *n, int family,
                              bool replace)
{
    const struct net_address *gateway = &n->pools[family].gateway;
    bool direct = str_equal(n->driver, "ipvlan") && !str_equal(n->mode, "l2");
    struct nlmsghdr *m =
        batch_add(b, RTM_NEWROUTE, NLM_F_CREATE | (replace ? NLM_F_REPLACE : NLM_F_EXCL),
                  "setting the default route", EEXIST);
    struct rtmsg *r = mnl_nlmsg_put_extra_header(m, sizeof(*r));
    r->rtm_family = (unsigned char)gateway->family;
    r->rtm_table = RT_TABLE_MAIN;
    r->rtm_protocol = RTPROT_BOOT;
    r->rtm_scope = direct ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
    r->rtm_type = RTN_UNICAST;
    if (!direct) {
        mnl_attr_put(m, RTA_GATEWAY, net_address_len(gateway), gateway->bytes);
    }
    mnl_attr_put_u32(m, RTA_OIF, (uint32_t)index);
}

static int enter(int netns, struct netlink *ret, struct error **err)
{
    if (setns(netns, CLONE_NEWNET) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "entering the network namespace");
    }
    return netlink_open(NETLINK_ROUTE, ret, err);
}

/* joins: it comes to others, and may be the better way out. */
static void add_end(struct batch *b, const struct net_attachment *a, const struct net_endpoint *e,
                    int index, bool joins)
{
    if (!e->addresses[NET_IPV6].family && net_network_is_bridge(e->network)) {
        add_no_link_local(b, index, NULL); /* as Docker's; on another's wire IPv6 may be of use */
    }
    message_add_up(b, index, "bringing the device up");
    for (int f = 0; f < NET_FAMILIES; f++) {
        if (e->addresses[f].family) {
            message_add_address(b, index, &e->addresses[f], e->network->pools[f].subnet.prefix,
                                "giving the device its address");
        }
    }
    for (int f = 0; f < NET_FAMILIES; f++) {
        if (net_attachment_exit(a, f) == e) {
            add_default_route(b, index, e->network, f, joins);
        }
    }
}

int link_configure_inside(const struct net_attachment *a, const struct net_endpoint *ends,
                          size_t count, int netns, struct error **err)
{
    CLEANUP(netlink) struct netlink inside = {0};
    CLEANUP(batch) struct batch b = {0};
    int r = enter(netns, &inside, err);
    if (r < 0) {
        return r;
    }
    batch_begin(&b, false);
    message_add_up(&b, LOOPBACK_INDEX, "bringing the loopback device up");
    for (size_t i = 0; i < count; i++) {
        add_end(&b, a, &ends[i], message_index_of(&inside, ends[i].interface), count < a->count);
    }
    return batch_run(&inside, &b, NULL, NULL, err);
}

int link_leave_inside(const struct net_attachment *a, const struct net_endpoint *end, int netns,
                      struct error **err)
{
    CLEANUP(netlink) struct netlink inside = {0};
    CLEANUP(batch) struct batch b = {0};
    int r = enter(netns, &inside, err);
    if (r < 0) {
        return r;
    }
    batch_begin(&b, false);
    message_add_remove_link(&b, end->interface, "removing the device");
    for (int f = 0; f < NET_FAMILIES; f++) {
        const struct net_endpoint *next =
            net_attachment_exit(a, f) == end ? net_attachment_exit_without(a, f, end) : NULL;
        if (next) {
            add_default_route(&b, message_index_of(&inside, next->interface), next->network, f,
                              false);
        }
    }
    return batch_run(&inside, &b, NULL, NULL, err);
}
