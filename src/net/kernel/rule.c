// SPDX-License-Identifier: Apache-2.0
#include "net/kernel/rule.h"

#include <assert.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <stddef.h>
#include <stdint.h>

/* Behind the C library's, whose definitions they then leave alone. */
#include <libnftnl/expr.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/rtnetlink.h>

/* Registers of four bytes: NFT_REG_1 is the same place as NFT_REG32_00. */
#define REG NFT_REG_1
#define REG_SECOND NFT_REG32_01
#define REG_THIRD NFT_REG32_02
#define REG_ADDRESS_IPV6_BEHIND NFT_REG32_05 /* behind one word and an IPv6 address */
#define REG_IPV6_BEHIND NFT_REG32_04         /* behind an IPv6 address */
#define REG_NAME_SECOND NFT_REG_2            /* behind a device's name of sixteen bytes */
#define DPORT_OFFSET 2                       /* of tcp, udp and sctp alike */

static struct nftnl_expr *add(struct nftnl_rule *rule, const char *name)
{
    struct nftnl_expr *e = nftnl_expr_alloc(name);
    assert(e); /* out of memory, or a name that libnftnl does not know */
    nftnl_rule_add_expr(rule, e);
    return e;
}

static void meta(struct nftnl_rule *rule, uint32_t key, uint32_t reg)
{
    struct nftnl_expr *e = add(rule, "meta");
    nftnl_expr_set_u32(e, NFTNL_EXPR_META_KEY, key);
    nftnl_expr_set_u32(e, NFTNL_EXPR_META_DREG, reg);
}

static void payload(struct nftnl_rule *rule, uint32_t base, uint32_t offset, uint32_t len,
                    uint32_t reg)
{
    struct nftnl_expr *e = add(rule, "payload");
    nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_BASE, base);
    nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
    nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_LEN, len);
    nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_DREG, reg);
}

static void compare(struct nftnl_rule *rule, uint32_t operation, const void *data, uint32_t len)
{
    struct nftnl_expr *e = add(rule, "cmp");
    nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_SREG, REG);
    nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_OP, operation);
    nftnl_expr_set(e, NFTNL_EXPR_CMP_DATA, data, len);
}

static void is_u8(struct nftnl_rule *rule, uint8_t value)
{
    compare(rule, NFT_CMP_EQ, &value, sizeof(value));
}

static void lookup(struct nftnl_rule *rule, const char *set, uint32_t flags)
{
    struct nftnl_expr *e = add(rule, "lookup");
    nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_SREG, REG);
    nftnl_expr_set_str(e, NFTNL_EXPR_LOOKUP_SET, set);
    if (flags) {
        nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_FLAGS, flags);
    }
}

static void verdict(struct nftnl_rule *rule, int code, const char *chain)
{
    struct nftnl_expr *e = add(rule, "immediate");
    nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
    nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_VERDICT, (uint32_t)code);
    if (chain) {
        nftnl_expr_set_str(e, NFTNL_EXPR_IMM_CHAIN, chain);
    }
}

/* ct <key> & bits != 0 */
static void conntrack(struct nftnl_rule *rule, uint32_t key, uint32_t bits)
{
    static const uint32_t zero;
    struct nftnl_expr *e = add(rule, "ct");
    nftnl_expr_set_u32(e, NFTNL_EXPR_CT_KEY, key);
    nftnl_expr_set_u32(e, NFTNL_EXPR_CT_DREG, REG);
    e = add(rule, "bitwise");
    nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_SREG, REG);
    nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_DREG, REG);
    nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_LEN, sizeof(bits));
    nftnl_expr_set(e, NFTNL_EXPR_BITWISE_MASK, &bits, sizeof(bits));
    nftnl_expr_set(e, NFTNL_EXPR_BITWISE_XOR, &zero, sizeof(zero));
    compare(rule, NFT_CMP_NEQ, &zero, sizeof(zero));
}

static void is_family(struct nftnl_rule *rule, uint8_t family)
{
    meta(rule, NFT_META_NFPROTO, REG);
    is_u8(rule, family);
}

/* The first byte of the address at this offset of the IPv4 header is 127. */
static void loopback_at(struct nftnl_rule *rule, uint32_t offset)
{
    is_family(rule, NFPROTO_IPV4);
    payload(rule, NFT_PAYLOAD_NETWORK_HEADER, offset, 1, REG);
    is_u8(rule, 127);
}

static void to_loopback_ipv6(struct nftnl_rule *rule)
{
    is_family(rule, NFPROTO_IPV6);
    payload(rule, NFT_PAYLOAD_NETWORK_HEADER, offsetof(struct ip6_hdr, ip6_dst), 16, REG);
    compare(rule, NFT_CMP_EQ, &in6addr_loopback, sizeof(in6addr_loopback));
}

static void address_type(struct nftnl_rule *rule, uint32_t flags, uint32_t operation)
{
    uint32_t local = RTN_LOCAL;
    struct nftnl_expr *e = add(rule, "fib");
    nftnl_expr_set_u32(e, NFTNL_EXPR_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
    nftnl_expr_set_u32(e, NFTNL_EXPR_FIB_FLAGS, flags);
    nftnl_expr_set_u32(e, NFTNL_EXPR_FIB_DREG, REG);
    compare(rule, operation, &local, sizeof(local));
}

/* dnat to what the map holds: an address, and a port behind it. */
static void redirect(struct nftnl_rule *rule, const char *map, uint32_t family)
{
    struct nftnl_expr *e = add(rule, "lookup");
    nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_SREG, REG);
    nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_DREG, REG);
    nftnl_expr_set_str(e, NFTNL_EXPR_LOOKUP_SET, map);
    e = add(rule, "nat");
    nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_TYPE, NFT_NAT_DNAT);
    nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_FAMILY, family);
    nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_REG_ADDR_MIN, REG);
    nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_REG_PROTO_MIN,
                       family == NFPROTO_IPV6 ? REG_IPV6_BEHIND : REG_SECOND);
}

static void destination(struct nftnl_rule *rule, bool ipv6, uint32_t reg)
{
    if (ipv6) {
        payload(rule, NFT_PAYLOAD_NETWORK_HEADER, offsetof(struct ip6_hdr, ip6_dst), 16, reg);
    } else {
        payload(rule, NFT_PAYLOAD_NETWORK_HEADER, offsetof(struct iphdr, daddr), 4, reg);
    }
}

/* meta l4proto [. daddr] . th dport */
static void look_at_port(struct nftnl_rule *rule, enum rule_step_kind kind)
{
    uint32_t port = kind == STEP_PORT      ? REG_SECOND
                    : kind == STEP_PORT_AT ? REG_THIRD
                                           : REG_ADDRESS_IPV6_BEHIND;
    meta(rule, NFT_META_L4PROTO, REG);
    if (kind != STEP_PORT) {
        destination(rule, kind == STEP_PORT_AT_IPV6, REG_SECOND);
    }
    payload(rule, NFT_PAYLOAD_TRANSPORT_HEADER, DPORT_OFFSET, 2, port);
}

static void look_at(struct nftnl_rule *rule, enum rule_step_kind kind)
{
    if (kind == STEP_OUT_DEVICE) {
        meta(rule, NFT_META_OIFNAME, REG);
    } else if (kind == STEP_IN_DEVICE || kind == STEP_IN_AND_OUT) {
        meta(rule, NFT_META_IIFNAME, REG);
        if (kind == STEP_IN_AND_OUT) {
            meta(rule, NFT_META_OIFNAME, REG_NAME_SECOND);
        }
    } else if (kind == STEP_TO_ADDRESS || kind == STEP_TO_ADDRESS_IPV6) {
        is_family(rule, kind == STEP_TO_ADDRESS ? NFPROTO_IPV4 : NFPROTO_IPV6);
        destination(rule, kind == STEP_TO_ADDRESS_IPV6, REG);
    } else {
        look_at_port(rule, kind);
    }
}

static void add_condition(struct nftnl_rule *rule, const struct rule_step *step)
{
    switch ((int)step->kind) {
    case STEP_IN_SET:
        lookup(rule, step->argument, 0);
        break;
    case STEP_NOT_IN_SET:
        lookup(rule, step->argument, NFT_LOOKUP_F_INV);
        break;
    case STEP_IPV4:
        is_family(rule, NFPROTO_IPV4);
        break;
    case STEP_IPV6:
        is_family(rule, NFPROTO_IPV6);
        break;
    case STEP_ICMPV6:
        meta(rule, NFT_META_L4PROTO, REG);
        is_u8(rule, IPPROTO_ICMPV6);
        break;
    case STEP_FROM_LOOPBACK:
        loopback_at(rule, offsetof(struct iphdr, saddr));
        break;
    case STEP_TO_LOOPBACK:
        loopback_at(rule, offsetof(struct iphdr, daddr));
        break;
    case STEP_TO_LOOPBACK_IPV6:
        to_loopback_ipv6(rule);
        break;
    case STEP_TO_THIS_HOST:
        address_type(rule, NFTA_FIB_F_DADDR, NFT_CMP_EQ);
        break;
    case STEP_TO_THIS_DEVICE:
        address_type(rule, NFTA_FIB_F_DADDR | NFTA_FIB_F_IIF, NFT_CMP_EQ);
        break;
    case STEP_TO_ANOTHER_DEVICE:
        address_type(rule, NFTA_FIB_F_DADDR | NFTA_FIB_F_IIF, NFT_CMP_NEQ);
        break;
    case STEP_REDIRECTED:
        conntrack(rule, NFT_CT_STATUS, IPS_DST_NAT);
        break;
    case STEP_ESTABLISHED:
        conntrack(rule, NFT_CT_STATE,
                  NF_CT_STATE_BIT(IP_CT_ESTABLISHED) | NF_CT_STATE_BIT(IP_CT_RELATED));
        break;
    default:
        break;
    }
}

static void add_verdict(struct nftnl_rule *rule, const struct rule_step *step)
{
    switch ((int)step->kind) {
    case STEP_REDIRECT:
        redirect(rule, step->argument, NFPROTO_IPV4);
        break;
    case STEP_REDIRECT_IPV6:
        redirect(rule, step->argument, NFPROTO_IPV6);
        break;
    case STEP_MASQUERADE:
        (void)add(rule, "masq");
        break;
    case STEP_ACCEPT:
        verdict(rule, NF_ACCEPT, NULL);
        break;
    case STEP_DROP:
        verdict(rule, NF_DROP, NULL);
        break;
    case STEP_RETURN:
        verdict(rule, NFT_RETURN, NULL);
        break;
    case STEP_JUMP:
        verdict(rule, NFT_JUMP, step->argument);
        break;
    default:
        break;
    }
}

/* The kinds stand in the order of what they are. */
static void add_step(struct nftnl_rule *rule, const struct rule_step *step)
{
    if (step->kind < STEP_IN_SET) {
        look_at(rule, step->kind);
    } else if (step->kind < STEP_REDIRECT) {
        add_condition(rule, step);
    } else {
        add_verdict(rule, step);
    }
}

struct nftnl_rule *rule_build(const struct rule_row *row, const char *table)
{
    struct nftnl_rule *rule = nftnl_rule_alloc();
    assert(rule);
    nftnl_rule_set_u32(rule, NFTNL_RULE_FAMILY, NFPROTO_INET);
    nftnl_rule_set_str(rule, NFTNL_RULE_TABLE, table);
    nftnl_rule_set_str(rule, NFTNL_RULE_CHAIN, row->chain);
    for (const struct rule_step *s = row->steps; s->kind != STEP_END; s++) {
        add_step(rule, s);
    }
    return rule;
}
