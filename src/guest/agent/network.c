// SPDX-License-Identifier: Apache-2.0
#include "guest/agent/network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <net/route.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/file.h"
#include "base/interface.h"
#include "base/json.h"

static const char interface[] = "eth0"; /* the kernel's name for the first */

static int set_inet(struct sockaddr *to, const char *text, struct error **err)
{
    struct sockaddr_in *in = (struct sockaddr_in *)(void *)to;
    in->sin_family = AF_INET;
    return inet_pton(AF_INET, text, &in->sin_addr) == 1
               ? 0
               : error_set(err, ERROR_INVALID_INPUT, 0, "'%s' is no address", text);
}

static int add_default_route(int sock, const char *gateway, struct error **err)
{
    struct rtentry route = {.rt_flags = RTF_UP | RTF_GATEWAY};
    route.rt_dst.sa_family = route.rt_genmask.sa_family = AF_INET;
    int r = set_inet(&route.rt_gateway, gateway, err);
    return r < 0 ? r : interface_call(sock, SIOCADDRT, &route, "its route", err);
}

static int set_interface(int sock, const json_t *network, struct error **err)
{
    static const char where[] = "network";
    struct ifreq address = interface_request(interface), mask = interface_request(interface),
                 size = interface_request(interface);
    const char *ip = "", *netmask = "", *gateway = "";
    int64_t mtu = 1500;
    int r = json_get_str(network, "address", where, &ip, err);
    r = r < 0 ? r : json_get_str(network, "netmask", where, &netmask, err);
    r = r < 0 ? r : json_get_str(network, "gateway", where, &gateway, err);
    r = r < 0 ? r : json_get_i64(network, "mtu", where, 68, 65535, &mtu, err);
    size.ifr_mtu = (int)mtu;
    r = r < 0 ? r : set_inet(&address.ifr_addr, ip, err);
    r = r < 0 ? r : set_inet(&mask.ifr_netmask, netmask, err);
    r = r < 0 ? r : interface_call(sock, SIOCSIFMTU, &size, "its MTU", err);
    r = r < 0 ? r : interface_call(sock, SIOCSIFADDR, &address, "its address", err);
    r = r < 0 ? r : interface_call(sock, SIOCSIFNETMASK, &mask, "its netmask", err);
    r = r < 0 ? r : interface_set_up(sock, interface, true, err);
    return r < 0 || !gateway[0] ? r : add_default_route(sock, gateway, err);
}

int network_up(const json_t *network, struct error **err)
{
    CLEANUP(fd) int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (sock < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "the machine's network");
    }
    int r = interface_set_up(sock, "lo", true, err);
    return r < 0 || !network ? r : set_interface(sock, network, err);
}
