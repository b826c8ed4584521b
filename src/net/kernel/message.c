// SPDX-License-Identifier: Apache-2.0
#include "net/kernel/message.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/ether.h>
#include <string.h>
#include <sys/ioctl.h>

int message_index_of(const struct netlink *route, const char *name)
{
    struct ifreq q = {0};
    memcpy(q.ifr_name, name, strlen(name)); /* names are checked when they are read */
    return ioctl(mnl_socket_get_fd(route->socket), SIOCGIFINDEX, &q) == 0 ? q.ifr_ifindex : 0;
}

void message_put_link(struct nlmsghdr *m, int index, unsigned flags)
{
    struct ifinfomsg *i = mnl_nlmsg_put_extra_header(m, sizeof(*i));
    i->ifi_family = AF_UNSPEC;
    i->ifi_index = index;
    i->ifi_flags = flags;
    i->ifi_change = flags;
}

void message_put_mac(struct nlmsghdr *m, uint16_t type, const char *text)
{
    struct ether_addr mac;
    if (text && ether_aton_r(text, &mac)) {
        mnl_attr_put(m, type, sizeof(mac), &mac);
    }
}

void message_add_up(struct batch *b, int index, const char *what)
{
    message_put_link(batch_add(b, RTM_NEWLINK, 0, what, 0), index, IFF_UP);
}

void message_add_address(struct batch *b, int index, const struct net_address *a, int prefix,
                         const char *what)
{
    struct nlmsghdr *m = batch_add(b, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, what, EEXIST);
    struct ifaddrmsg *i = mnl_nlmsg_put_extra_header(m, sizeof(*i));
    size_t len = net_address_len(a);
    i->ifa_family = (unsigned char)a->family;
    i->ifa_prefixlen = (unsigned char)prefix;
    i->ifa_index = (unsigned)index;
    mnl_attr_put(m, IFA_LOCAL, len, a->bytes);
    mnl_attr_put(m, IFA_ADDRESS, len, a->bytes);
    if (a->family == AF_INET6) {
        mnl_attr_put_u32(m, IFA_FLAGS, IFA_F_NODAD);
    } else {
        uint32_t address;
        memcpy(&address, a->bytes, sizeof(address));
        mnl_attr_put_u32(m, IFA_BROADCAST,
                         address | htonl((uint32_t)(((uint64_t)1 << (32 - prefix)) - 1)));
    }
}

void message_add_remove_link(struct batch *b, const char *name, const char *what)
{
    struct nlmsghdr *m = batch_add(b, RTM_DELLINK, 0, what, ENODEV);
    message_put_link(m, 0, 0);
    mnl_attr_put_strz(m, IFLA_IFNAME, name);
}
