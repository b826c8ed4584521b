// SPDX-License-Identifier: Apache-2.0
/* The engine attaches an interface with an address to the relay's network namespace, as to any
 * workload's. The machine is to be that host: a bridge joins the interface and a tap, the
 * interface's hardware and network addresses become the machine's, and the interface itself gets
 * another. By ioctl(2): the monitor links no netlink library. Spec: netdevice(7), tuntap.rst. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_bridge.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>

#include "base/file.h"
#include "base/interface.h"
#include "wall/vm/vm.h"

static const char interface[] = "eth0", bridge[] = "bridge", tap_name[] = "machine";

static int get_address(int sock, unsigned long number, char *ret, size_t size, struct error **err)
{
    struct ifreq r = interface_request(interface);
    int result = interface_call(sock, number, &r, "its address", err);
    if (result >= 0) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)&r.ifr_addr;
        (void)inet_ntop(AF_INET, &in->sin_addr, ret, (socklen_t)size);
    }
    return result;
}

/* The default route's, out of the namespace's table. */
static void read_gateway(char *ret, size_t size)
{
    CLEANUP(stream) FILE *f = fopen("/proc/thread-self/net/route", "re");
    char line[256], name[IFNAMSIZ];
    unsigned destination, gateway;
    while (f && fgets(line, sizeof(line), f)) {
        if (sscanf(line, "%15s %x %x", name, &destination, &gateway) == 3 && destination == 0) {
            struct in_addr in = {.s_addr = gateway};
            (void)inet_ntop(AF_INET, &in, ret, (socklen_t)size);
        }
    }
}

/* What the interface is, for the machine to be. */
static int read_interface(int sock, struct vm_network *n, struct error **err)
{
    struct ifreq hardware = interface_request(interface), mtu = interface_request(interface);
    int r = interface_call(sock, SIOCGIFHWADDR, &hardware, "its hardware address", err);
    r = r < 0 ? r : interface_call(sock, SIOCGIFMTU, &mtu, "its MTU", err);
    r = r < 0 ? r : get_address(sock, SIOCGIFADDR, n->address, sizeof(n->address), err);
    r = r < 0 ? r : get_address(sock, SIOCGIFNETMASK, n->netmask, sizeof(n->netmask), err);
    if (r >= 0) {
        const uint8_t *m = (const uint8_t *)hardware.ifr_hwaddr.sa_data;
        (void)snprintf(n->mac, sizeof(n->mac), "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2],
                       m[3], m[4], m[5]);
        n->mtu = (uint16_t)mtu.ifr_mtu;
        read_gateway(n->gateway, sizeof(n->gateway));
    }
    return r;
}

/* The interface gives its addresses up: two of the same on one bridge would not do. */
static int strip_interface(int sock, struct error **err)
{
    struct ifreq hardware = interface_request(interface), address = interface_request(interface);
    uint8_t *m = (uint8_t *)hardware.ifr_hwaddr.sa_data;
    hardware.ifr_hwaddr.sa_family = ARPHRD_ETHER;
    (void)!getrandom(m, 6, 0); /* six bytes: cannot be short */
    m[0] = (uint8_t)((m[0] & 0xfc) | 2);
    address.ifr_addr.sa_family = AF_INET; /* 0.0.0.0 */
    int r = interface_set_up(sock, interface, false, err);
    r = r < 0 ? r : interface_call(sock, SIOCSIFADDR, &address, "its address", err);
    r = r < 0 ? r : interface_call(sock, SIOCSIFHWADDR, &hardware, "its hardware address", err);
    return r < 0 ? r : interface_set_up(sock, interface, true, err);
}

static int make_tap(uint16_t mtu, int sock, int *ret, struct error **err)
{
    struct ifreq r = interface_request(tap_name), m = interface_request(tap_name);
    r.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
    m.ifr_mtu = mtu;
    *ret = open_file(AT_FDCWD, "/dev/net/tun", O_RDWR, 0, err);
    if (*ret < 0) {
        return *ret;
    }
    int result = interface_call(*ret, TUNSETIFF, &r, "its tap", err);
    return result < 0 ? result : interface_call(sock, SIOCSIFMTU, &m, "its tap's MTU", err);
}

static int join(int sock, const char *name, struct error **err)
{
    struct ifreq r = interface_request(bridge);
    r.ifr_ifindex = (int)if_nametoindex(name);
    int result = interface_call(sock, SIOCBRADDIF, &r, "joining the bridge", err);
    return result < 0 ? result : interface_set_up(sock, name, true, err);
}

/* The engine's port returns a broadcast to whence it came (hairpin), so that learning would place
 * the machine on the wrong side. Between two ports there is nothing to learn. */
static int stop_learning(int sock, struct error **err)
{
    unsigned long arguments[4] = {BRCTL_SET_AGEING_TIME, 0, 0, 0};
    struct ifreq r = interface_request(bridge);
    r.ifr_data = (void *)arguments;
    return interface_call(sock, SIOCDEVPRIVATE, &r, "its bridge", err);
}

int vm_network_hand_on(struct vm_network *ret, struct error **err)
{
    *ret = (struct vm_network){.tap = -1};
    CLEANUP(fd) int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (sock < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "the machine's network");
    }
    if (if_nametoindex(interface) == 0) {
        return 0; /* none was attached */
    }
    char name[IFNAMSIZ] = "bridge";
    int r = read_interface(sock, ret, err);
    r = r < 0 ? r : strip_interface(sock, err);
    r = r < 0 ? r : interface_call(sock, SIOCBRADDBR, name, "its bridge", err);
    r = r < 0 ? r : stop_learning(sock, err);
    r = r < 0 ? r : make_tap(ret->mtu, sock, &ret->tap, err);
    r = r < 0 ? r : join(sock, interface, err);
    r = r < 0 ? r : join(sock, tap_name, err);
    return r < 0 ? r : interface_set_up(sock, bridge, true, err);
}
