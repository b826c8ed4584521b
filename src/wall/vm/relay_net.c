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

/* The machine's half of the n-th interface: a bridge of the two, and the tap. */
static void names_of(size_t n, char bridge[IFNAMSIZ], char tap[IFNAMSIZ])
{
    (void)snprintf(bridge, IFNAMSIZ, "bridge%zu", n);
    (void)snprintf(tap, IFNAMSIZ, "machine%zu", n);
}

/* --- what the engine attached --------------------------------------------------------------------
 */

/* "10.0.0.2/24"; an interface may have no IPv4 address. */
static void read_address(int sock, struct vm_interface *c)
{
    struct ifreq address = interface_request(c->name), mask = interface_request(c->name);
    char text[INET_ADDRSTRLEN];
    if (ioctl(sock, SIOCGIFADDR, &address) < 0 || ioctl(sock, SIOCGIFNETMASK, &mask) < 0) {
        return;
    }
    const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)&address.ifr_addr;
    const struct sockaddr_in *bits = (const struct sockaddr_in *)(const void *)&mask.ifr_netmask;
    (void)inet_ntop(AF_INET, &in->sin_addr, text, sizeof(text));
    (void)snprintf(c->address, sizeof(c->address), "%s/%d", text,
                   __builtin_popcount(bits->sin_addr.s_addr));
}

/* The kernel's tables of IPv6 have addresses as 32 digits. */
static bool parse_hex(const char *hex, char *ret, size_t size)
{
    struct in6_addr in;
    for (size_t i = 0; i < sizeof(in.s6_addr); i++) {
        unsigned byte;
        if (sscanf(hex + 2 * i, "%2x", &byte) != 1) {
            return false;
        }
        in.s6_addr[i] = (uint8_t)byte;
    }
    return inet_ntop(AF_INET6, &in, ret, (socklen_t)size) != NULL;
}

static void read_address6(struct vm_interface *c)
{
    CLEANUP(stream) FILE *f = fopen("/proc/thread-self/net/if_inet6", "re");
    char line[256], hex[33], name[IFNAMSIZ], text[INET6_ADDRSTRLEN];
    unsigned index, prefix, scope, flags;
    while (f && !c->address6[0] && fgets(line, sizeof(line), f)) {
        if (sscanf(line, "%32s %x %x %x %x %15s", hex, &index, &prefix, &scope, &flags, name) ==
                6 &&
            scope == 0 && str_equal(name, c->name) && parse_hex(hex, text, sizeof(text))) {
            (void)snprintf(c->address6, sizeof(c->address6), "%s/%u", text, prefix);
        }
    }
}

/* The default route's, out of the namespace's table, if it leads through this interface. */
static void read_gateway(struct vm_interface *c)
{
    CLEANUP(stream) FILE *f = fopen("/proc/thread-self/net/route", "re");
    char line[256], name[IFNAMSIZ];
    unsigned destination, gateway;
    while (f && fgets(line, sizeof(line), f)) {
        if (sscanf(line, "%15s %x %x", name, &destination, &gateway) == 3 && destination == 0 &&
            str_equal(name, c->name)) {
            struct in_addr in = {.s_addr = gateway};
            (void)inet_ntop(AF_INET, &in, c->gateway, sizeof(c->gateway));
        }
    }
}

static void read_gateway6(struct vm_interface *c)
{
    CLEANUP(stream) FILE *f = fopen("/proc/thread-self/net/ipv6_route", "re");
    char line[256], hex[33], name[IFNAMSIZ], zero[INET6_ADDRSTRLEN];
    unsigned prefix;
    while (f && fgets(line, sizeof(line), f)) {
        if (sscanf(line, "%*s %x %*s %*s %32s %*s %*s %*s %*s %15s", &prefix, hex, name) == 3 &&
            prefix == 0 && str_equal(name, c->name) && parse_hex(hex, zero, sizeof(zero)) &&
            !str_equal(zero, "::")) {
            (void)snprintf(c->gateway6, sizeof(c->gateway6), "%s", zero);
        }
    }
}

/* What the interface is, for the machine to be. */
static int read_interface(int sock, struct vm_interface *c, struct error **err)
{
    struct ifreq hardware = interface_request(c->name), mtu = interface_request(c->name);
    int r = interface_call(sock, SIOCGIFHWADDR, &hardware, "its hardware address", err);
    r = r < 0 ? r : interface_call(sock, SIOCGIFMTU, &mtu, "its MTU", err);
    if (r < 0) {
        return r;
    }
    interface_mac(&hardware, c->mac);
    c->mtu = (uint16_t)mtu.ifr_mtu;
    read_address(sock, c);
    read_address6(c);
    read_gateway(c);
    read_gateway6(c);
    return 0;
}

/* All but the loopback device, in the order in which they were attached. */
static int find_interfaces(int sock, struct vm_network *n, struct error **err)
{
    struct if_nameindex *list = if_nameindex();
    int r = list ? 0 : error_set_errno(err, ERROR_KERNEL, errno, "the machine's network");
    for (const struct if_nameindex *i = list; r >= 0 && i && i->if_index; i++) {
        struct ifreq flags = interface_request(i->if_name);
        r = interface_call(sock, SIOCGIFFLAGS, &flags, "its flags", err);
        if (r < 0 || (flags.ifr_flags & IFF_LOOPBACK) || !(flags.ifr_flags & IFF_UP)) {
            continue;
        }
        if (n->count == VM_INTERFACES_MAX) {
            r = error_set(err, ERROR_UNSUPPORTED, 0, "a machine is in at most %d networks",
                          VM_INTERFACES_MAX);
            break;
        }
        struct vm_interface *c = &n->items[n->count++];
        *c = (struct vm_interface){.tap = -1};
        (void)snprintf(c->name, sizeof(c->name), "%s", i->if_name);
        r = read_interface(sock, c, err);
    }
    if (list) {
        if_freenameindex(list);
    }
    return r;
}

/* --- handing it on -------------------------------------------------------------------------------
 */

/* The interface gives its addresses up: two of the same on one bridge would not do. */
static int strip_interface(int sock, const struct vm_interface *c, struct error **err)
{
    struct ifreq hardware = interface_request(c->name), address = interface_request(c->name);
    uint8_t *m = (uint8_t *)hardware.ifr_hwaddr.sa_data;
    hardware.ifr_hwaddr.sa_family = ARPHRD_ETHER;
    (void)!getrandom(m, 6, 0); /* six bytes: cannot be short */
    m[0] = (uint8_t)((m[0] & 0xfc) | 2);
    address.ifr_addr.sa_family = AF_INET; /* 0.0.0.0 */
    int r = interface_set_up(sock, c->name, false, err);
    if (r >= 0 && c->address[0]) {
        r = interface_call(sock, SIOCSIFADDR, &address, "its address", err);
    }
    r = r < 0 ? r : interface_call(sock, SIOCSIFHWADDR, &hardware, "its hardware address", err);
    return r < 0 ? r : interface_set_up(sock, c->name, true, err);
}

/* Only the machine speaks IPv6 here; what is on the interfaces goes. A kernel may be without. */
static void leave_ipv6(void)
{
    static const char *const files[] = {"/proc/sys/net/ipv6/conf/all/disable_ipv6",
                                        "/proc/sys/net/ipv6/conf/default/disable_ipv6"};
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        IGNORE(file_write_existing(AT_FDCWD, files[i], "1", NULL) < 0);
    }
}

static int make_tap(const char *name, uint16_t mtu, int sock, int *ret, struct error **err)
{
    struct ifreq r = interface_request(name), m = interface_request(name);
    r.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
    m.ifr_mtu = mtu;
    *ret = open_file(AT_FDCWD, "/dev/net/tun", O_RDWR, 0, err);
    if (*ret < 0) {
        return *ret;
    }
    int result = interface_call(*ret, TUNSETIFF, &r, "its tap", err);
    return result < 0 ? result : interface_call(sock, SIOCSIFMTU, &m, "its tap's MTU", err);
}

static int join(int sock, const char *bridge, const char *name, struct error **err)
{
    struct ifreq r = interface_request(bridge);
    r.ifr_ifindex = (int)if_nametoindex(name);
    int result = interface_call(sock, SIOCBRADDIF, &r, "joining the bridge", err);
    return result < 0 ? result : interface_set_up(sock, name, true, err);
}

/* The engine's port returns a broadcast to whence it came (hairpin), so that learning would place
 * the machine on the wrong side. Between two ports there is nothing to learn. */
static int stop_learning(int sock, const char *bridge, struct error **err)
{
    unsigned long arguments[4] = {BRCTL_SET_AGEING_TIME, 0, 0, 0};
    struct ifreq r = interface_request(bridge);
    r.ifr_data = (void *)arguments;
    return interface_call(sock, SIOCDEVPRIVATE, &r, "its bridge", err);
}

static int hand_on(int sock, struct vm_interface *c, size_t number, struct error **err)
{
    char bridge[IFNAMSIZ], tap[IFNAMSIZ];
    names_of(number, bridge, tap);
    int r = strip_interface(sock, c, err);
    r = r < 0 ? r : interface_call(sock, SIOCBRADDBR, bridge, "its bridge", err);
    r = r < 0 ? r : stop_learning(sock, bridge, err);
    r = r < 0 ? r : make_tap(tap, c->mtu, sock, &c->tap, err);
    r = r < 0 ? r : join(sock, bridge, c->name, err);
    r = r < 0 ? r : join(sock, bridge, tap, err);
    return r < 0 ? r : interface_set_up(sock, bridge, true, err);
}

int vm_network_hand_on(struct vm_network *ret, struct error **err)
{
    *ret = (struct vm_network){0};
    CLEANUP(fd) int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (sock < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "the machine's network");
    }
    int r = find_interfaces(sock, ret, err);
    if (r >= 0 && ret->count > 0) {
        leave_ipv6();
    }
    for (size_t i = 0; i < ret->count && r >= 0; i++) {
        r = hand_on(sock, &ret->items[i], i, err);
    }
    return r;
}
