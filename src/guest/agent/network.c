// SPDX-License-Identifier: Apache-2.0
#include "guest/agent/network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <net/route.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/file.h"
#include "base/interface.h"
#include "base/json.h"

enum { NAME_TRIES = 64 };

/* linux/ipv6.h's, which does not go together with netinet/in.h. */
struct request6 {
    struct in6_addr address;
    uint32_t prefix;
    int index;
};

struct sockets { /* one a family: IPv6 is the kernel's to have */
    int v4, v6;
};

static int no_address(const char *text, struct error **err)
{
    return error_set(err, ERROR_INVALID_INPUT, 0, "'%s' is no address", text);
}

/* --- names ---------------------------------------------------------------------------------------
 */

/* The name that the kernel gave the card with this hardware address. */
static int find_card(int sock, const char *mac, char ret[IFNAMSIZ], struct error **err)
{
    struct if_nameindex *list = if_nameindex();
    bool found = false;
    for (const struct if_nameindex *i = list; i && i->if_index && !found; i++) {
        struct ifreq r = interface_request(i->if_name);
        char text[INTERFACE_MAC_BYTES] = "";
        if (ioctl(sock, SIOCGIFHWADDR, &r) == 0) {
            interface_mac(&r, text);
        }
        found = str_equal(text, mac);
        if (found) {
            (void)snprintf(ret, IFNAMSIZ, "%s", i->if_name);
        }
    }
    if (list) {
        if_freenameindex(list);
    }
    return found
               ? 0
               : error_set(err, ERROR_NOT_FOUND, 0,
                           "the machine has no network card '%s': has its kernel virtio_net?", mac);
}

static int rename_card(int sock, const char *from, const char *to, struct error **err)
{
    struct ifreq r = interface_request(from);
    (void)snprintf(r.ifr_newname, sizeof(r.ifr_newname), "%s", to);
    return interface_call(sock, SIOCSIFNAME, &r, "its name", err);
}

/* Gives the card its name; who has it already gets another, until its own turn. */
static int name_card(int sock, const char *mac, const char *name, struct error **err)
{
    char is[IFNAMSIZ] = "";
    int r = find_card(sock, mac, is, err);
    if (r < 0 || str_equal(is, name)) {
        return r;
    }
    for (int i = 0; if_nametoindex(name) && i < NAME_TRIES; i++) {
        char other[IFNAMSIZ];
        (void)snprintf(other, sizeof(other), "other%d", i);
        r = if_nametoindex(other) ? 0 : rename_card(sock, name, other, err);
        if (r < 0) {
            return r;
        }
    }
    return rename_card(sock, is, name, err);
}

/* --- addresses and routes ------------------------------------------------------------------------
 */

static int add_address4(int sock, const char *name, const char *ip, uint32_t prefix,
                        struct error **err)
{
    struct ifreq address = interface_request(name), mask = interface_request(name);
    struct sockaddr_in *in = (struct sockaddr_in *)(void *)&address.ifr_addr;
    struct sockaddr_in *bits = (struct sockaddr_in *)(void *)&mask.ifr_netmask;
    in->sin_family = bits->sin_family = AF_INET;
    bits->sin_addr.s_addr = htonl(prefix == 0 ? 0 : UINT32_MAX << (32 - prefix));
    if (prefix > 32 || inet_pton(AF_INET, ip, &in->sin_addr) != 1) {
        return no_address(ip, err);
    }
    int r = interface_call(sock, SIOCSIFADDR, &address, "its address", err);
    return r < 0 ? r : interface_call(sock, SIOCSIFNETMASK, &mask, "its netmask", err);
}

static int add_address6(int sock, const char *name, const char *ip, uint32_t prefix,
                        struct error **err)
{
    struct request6 r = {.prefix = prefix, .index = (int)if_nametoindex(name)};
    if (prefix > 128 || inet_pton(AF_INET6, ip, &r.address) != 1) {
        return no_address(ip, err);
    }
    return interface_call(sock, SIOCSIFADDR, &r, "its IPv6 address", err);
}

static int add_address(const struct sockets *s, const char *name, const char *text,
                       struct error **err)
{
    size_t len = strcspn(text, "/");
    CLEANUP(free) char *ip = xstrndup(text, len);
    int64_t prefix = -1;
    if (text[len] != '/' || str_to_i64(text + len + 1, 10, &prefix) < 0 || prefix < 0 ||
        prefix > 128) {
        return no_address(text, err);
    }
    return strchr(ip, ':') ? add_address6(s->v6, name, ip, (uint32_t)prefix, err)
                           : add_address4(s->v4, name, ip, (uint32_t)prefix, err);
}

static int add_route(const struct sockets *s, const char *name, const char *gateway,
                     struct error **err)
{
    struct rtentry route = {.rt_flags = RTF_UP | RTF_GATEWAY, .rt_dev = (char *)(uintptr_t)name};
    struct in6_rtmsg route6 = {.rtmsg_flags = RTF_UP | RTF_GATEWAY,
                               .rtmsg_metric = 1024,
                               .rtmsg_ifindex = (int)if_nametoindex(name)};
    struct sockaddr_in *in = (struct sockaddr_in *)(void *)&route.rt_gateway;
    in->sin_family = route.rt_dst.sa_family = route.rt_genmask.sa_family = AF_INET;
    if (inet_pton(AF_INET6, gateway, &route6.rtmsg_gateway) == 1) {
        return interface_call(s->v6, SIOCADDRT, &route6, "its IPv6 route", err);
    }
    return inet_pton(AF_INET, gateway, &in->sin_addr) == 1
               ? interface_call(s->v4, SIOCADDRT, &route, "its route", err)
               : no_address(gateway, err);
}

/* Nobody else has its addresses: the host saw to that. Asking would make them wait a second. */
static void trust_addresses(const char *name)
{
    CLEANUP(free) char *path = str_format("/proc/sys/net/ipv6/conf/%s/accept_dad", name);
    IGNORE(file_write_existing(AT_FDCWD, path, "0", NULL) < 0); /* a kernel without IPv6 */
}

typedef int add_text(const struct sockets *s, const char *name, const char *text,
                     struct error **err);

static int add_each(const struct sockets *s, const json_t *card, const char *key, const char *name,
                    add_text *add, struct error **err)
{
    const json_t *list = json_object_get(card, key), *item;
    size_t i;
    int r = 0;
    json_array_foreach(list, i, item)
    {
        r = r < 0 ? r : add(s, name, str_or(json_string_value(item), ""), err);
    }
    return r;
}

static int set_card(const struct sockets *s, const json_t *card, struct error **err)
{
    static const char where[] = "network";
    const char *name = "", *mac = "";
    int64_t mtu = 1500;
    int r = json_get_str(card, "name", where, &name, err);
    r = r < 0 ? r : json_get_str(card, "mac", where, &mac, err);
    r = r < 0 ? r : json_get_i64(card, "mtu", where, 68, 65535, &mtu, err);
    r = r < 0 ? r : name_card(s->v4, mac, name, err);
    if (r < 0) {
        return r;
    }
    struct ifreq size = interface_request(name);
    size.ifr_mtu = (int)mtu;
    trust_addresses(name);
    r = interface_call(s->v4, SIOCSIFMTU, &size, "its MTU", err);
    r = r < 0 ? r : interface_set_up(s->v4, name, true, err);
    r = r < 0 ? r : add_each(s, card, "addresses", name, add_address, err);
    return r < 0 ? r : add_each(s, card, "gateways", name, add_route, err);
}

int network_up(const json_t *network, struct error **err)
{
    CLEANUP(fd) int v4 = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    CLEANUP(fd) int v6 = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const struct sockets s = {v4, v6};
    const json_t *card;
    size_t i;
    if (v4 < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "the machine's network");
    }
    int r = interface_set_up(v4, "lo", true, err);
    json_array_foreach(network, i, card)
    {
        r = r < 0 ? r : set_card(&s, card, err);
    }
    return r;
}
