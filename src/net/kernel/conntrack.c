// SPDX-License-Identifier: Apache-2.0
#include "net/kernel/conntrack.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <string.h>

/* Behind the C library's, whose definitions they then leave alone. */
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

#include "base/str.h"

/* Which parts of the tuple the dump is to compare; the kernel keeps the names to itself
 * (net/netfilter/nf_internals.h, CTA_FILTER_FLAG). */
#define FILTER_PROTO_NUMBER (1u << 3)
#define FILTER_DESTINATION_PORT (1u << 5)

#define TUPLE_BYTES_MAX 128 /* addresses, ports and the protocol take 52 */
#define ENTRIES_MAX 4096    /* clients of one port; the rest is forgotten by time */

/* What is gathered of the dump: the tuples to delete, as the kernel wrote them. */
struct found {
    unsigned char (*tuples)[TUPLE_BYTES_MAX];
    size_t count;
    const struct ifaddrs *own;
    struct net_address address; /* of this host; 0.0.0.0 and ::: any of its own */
};

static struct nlmsghdr *add_message(const struct found *f, struct batch *b, uint16_t type,
                                    uint16_t flags, const char *what, int tolerated)
{
    uint16_t full = (uint16_t)(NFNL_SUBSYS_CTNETLINK << 8 | type);
    struct nlmsghdr *m = batch_add(b, full, flags, what, tolerated);
    struct nfgenmsg *g = mnl_nlmsg_put_extra_header(m, sizeof(*g));
    g->nfgen_family = (uint8_t)f->address.family;
    g->version = NFNETLINK_V0;
    return m;
}

static bool is_own(const struct found *f, const struct net_address *a)
{
    for (const struct ifaddrs *i = f->own; i; i = i->ifa_next) {
        if (!i->ifa_addr || i->ifa_addr->sa_family != a->family) {
            continue;
        }
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
        memcpy(&in, i->ifa_addr, sizeof(in));
        if (a->family == AF_INET6) {
            memcpy(&in6, i->ifa_addr, sizeof(in6));
        }
        const void *own = a->family == AF_INET6 ? (const void *)&in6.sin6_addr : &in.sin_addr;
        if (memcmp(own, a->bytes, net_address_len(a)) == 0) {
            return true;
        }
    }
    return false;
}

static struct net_address destination_of(const struct nlattr *tuple, int family)
{
    const struct nlattr *part, *field;
    struct net_address a = {.family = family};
    uint16_t wanted = family == AF_INET6 ? CTA_IP_V6_DST : CTA_IP_V4_DST;
    mnl_attr_for_each_nested(part, tuple)
    {
        if (mnl_attr_get_type(part) != CTA_TUPLE_IP) {
            continue;
        }
        mnl_attr_for_each_nested(field, part)
        {
            if (mnl_attr_get_type(field) == wanted &&
                mnl_attr_get_payload_len(field) == net_address_len(&a)) {
                memcpy(a.bytes, mnl_attr_get_payload(field), net_address_len(&a));
            }
        }
    }
    return a;
}

/* What containers send out to such a port elsewhere stays. */
static void take_entry(const struct nlmsghdr *m, void *context)
{
    struct found *f = context;
    const struct nlattr *a;
    mnl_attr_for_each(a, m, sizeof(struct nfgenmsg))
    {
        if (mnl_attr_get_type(a) != CTA_TUPLE_ORIG || a->nla_len > TUPLE_BYTES_MAX ||
            f->count == ENTRIES_MAX) {
            continue;
        }
        struct net_address destination = destination_of(a, f->address.family);
        if (net_address_is_any(&f->address) ? is_own(f, &destination)
                                            : net_address_equal(&destination, &f->address)) {
            f->tuples = xrealloc(f->tuples, (f->count + 1) * sizeof(*f->tuples));
            memcpy(f->tuples[f->count++], a, a->nla_len);
        }
    }
}

static int find(struct netlink *nf, uint16_t port, struct found *f)
{
    CLEANUP(batch) struct batch b = {0};
    batch_begin(&b, false);
    struct nlmsghdr *m =
        add_message(f, &b, IPCTNL_MSG_CT_GET, NLM_F_DUMP, "reading connections", 0);
    struct nlattr *tuple = mnl_attr_nest_start(m, CTA_TUPLE_ORIG);
    struct nlattr *proto = mnl_attr_nest_start(m, CTA_TUPLE_PROTO);
    mnl_attr_put_u8(m, CTA_PROTO_NUM, IPPROTO_UDP);
    mnl_attr_put_u16(m, CTA_PROTO_DST_PORT, htons(port));
    mnl_attr_nest_end(m, proto);
    mnl_attr_nest_end(m, tuple);
    struct nlattr *filter = mnl_attr_nest_start(m, CTA_FILTER);
    mnl_attr_put_u32(m, CTA_FILTER_ORIG_FLAGS, FILTER_PROTO_NUMBER | FILTER_DESTINATION_PORT);
    mnl_attr_put_u32(m, CTA_FILTER_REPLY_FLAGS, 0);
    mnl_attr_nest_end(m, filter);
    return netlink_dump(nf, &b, take_entry, f, NULL);
}

static void forget_port(struct netlink *nf, const struct ifaddrs *own, const char *at,
                        uint16_t port)
{
    CLEANUP(batch) struct batch b = {0};
    struct found f = {.own = own, .address.family = AF_INET};
    IGNORE(net_address_parse(at, &f.address)); /* checked when reserved */
    if (find(nf, port, &f) >= 0 && f.count) {
        batch_begin(&b, false);
        for (size_t i = 0; i < f.count; i++) {
            struct nlmsghdr *m = add_message(&f, &b, IPCTNL_MSG_CT_DELETE, 0, "forgetting", 0);
            const struct nlattr *tuple = (const void *)f.tuples[i];
            mnl_attr_put(m, tuple->nla_type, mnl_attr_get_payload_len(tuple),
                         mnl_attr_get_payload(tuple));
        }
        IGNORE(batch_run(nf, &b, NULL, NULL, NULL)); /* one that ended meanwhile is as well */
    }
    free(f.tuples);
}

void conntrack_forget(struct netlink *nf, const struct net_record *record)
{
    struct ifaddrs *own = NULL;
    size_t i;
    json_t *port;
    json_array_foreach(record->attachment->ports, i, port)
    {
        if (str_equal(json_string_value(json_object_get(port, "proto")), "udp")) {
            if (!own && getifaddrs(&own) < 0) {
                return;
            }
            forget_port(nf, own,
                        str_or(json_string_value(json_object_get(port, "address")), "0.0.0.0"),
                        (uint16_t)json_integer_value(json_object_get(port, "host")));
        }
    }
    freeifaddrs(own);
}
