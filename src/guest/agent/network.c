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
#include "base/json.h"

static const char interface[] = "eth0"; /* the kernel's name for the first */

static struct ifreq request(const char *name)
{
    struct ifreq r = {0};
    (void)snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
    return r;
}

static int call(int sock, unsigned long number, void *argument, const char *what,
                struct error **err)
{
    return ioctl(sock, number, argument) < 0
               ? error_set_errno(err, ERROR_KERNEL, errno, "the machine's network: %s", what)
               : 0;
}

static int set_inet(struct sockaddr *to, const char *text, struct error **err)
{
    struct sockaddr_in *in = (struct sockaddr_in *)(void *)to;
    in->sin_family = AF_INET;
    return inet_pton(AF_INET, text, &in->sin_addr) == 1
               ? 0
               : error_set(err, ERROR_INVALID_INPUT, 0, "'%s' is no address", text);
}

static int bring_up(int sock, const char *name, struct error **err)
{
    struct ifreq r = request(name);
    r.ifr_flags = IFF_UP;
    return call(sock, SIOCSIFFLAGS, &r, name, err);
}

static int add_default_route(int sock, const char *gateway, struct error **err)
{
    struct rtentry route = {.rt_flags = RTF_UP | RTF_GATEWAY};
    route.rt_dst.sa_family = route.rt_genmask.sa_family = AF_INET;
    int r = set_inet(&route.rt_gateway, gateway, err);
    return r < 0 ? r : call(sock, SIOCADDRT, &route, "its route", err);
}

static int set_interface(int sock, const json_t *network, struct error **err)
{
    static const char where[] = "network";
    struct ifreq address = request(interface), mask = request(interface), size = request(interface);
    const char *ip = "", *netmask = "", *gateway = "";
    int64_t mtu = 1500;
    int r = json_get_str(network, "address", where, &ip, err);
    r = r < 0 ? r : json_get_str(network, "netmask", where, &netmask, err);
    r = r < 0 ? r : json_get_str(network, "gateway", where, &gateway, err);
    r = r < 0 ? r : json_get_i64(network, "mtu", where, 68, 65535, &mtu, err);
    size.ifr_mtu = (int)mtu;
    r = r < 0 ? r : set_inet(&address.ifr_addr, ip, err);
    r = r < 0 ? r : set_inet(&mask.ifr_netmask, netmask, err);
    r = r < 0 ? r : call(sock, SIOCSIFMTU, &size, "its MTU", err);
    r = r < 0 ? r : call(sock, SIOCSIFADDR, &address, "its address", err);
    r = r < 0 ? r : call(sock, SIOCSIFNETMASK, &mask, "its netmask", err);
    r = r < 0 ? r : bring_up(sock, interface, err);
    return r < 0 || !gateway[0] ? r : add_default_route(sock, gateway, err);
}

int network_up(const json_t *network, struct error **err)
{
    CLEANUP(fd) int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (sock < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "the machine's network");
    }
    int r = bring_up(sock, "lo", err);
    return r < 0 || !network ? r : set_interface(sock, network, err);
}
