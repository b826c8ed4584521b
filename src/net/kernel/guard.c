// SPDX-License-Identifier: Apache-2.0
#include "net/kernel/guard.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <netinet/ether.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/file.h"
#include "net/kernel/message.h"

/* Where things stand in a frame. */
#define AT_SOURCE_MAC 6
#define AT_TYPE 12
#define AT_ARP_SENDER_MAC 22
#define AT_ARP_SENDER 28
#define AT_IPV4_SOURCE 26
#define AT_IPV4_DESTINATION 30
#define AT_IPV6_NEXT 20
#define AT_IPV6_SOURCE 22
#define AT_IPV6_PAYLOAD 54
#define AT_TARGET (AT_IPV6_PAYLOAD + 8) /* of a neighbour advertisement */
#define HOP_BY_HOP_BYTES 8              /* the shortest: what multicast listeners send */

/* Jumps to these are resolved when the program is whole. */
enum target { PASS = -1, DROP = -2 };

struct program {
    struct bpf_insn *insns;
    size_t count;
};

static struct bpf_insn *add(struct program *p, uint8_t code, int32_t imm)
{
    assert(p->count < GUARD_INSNS_MAX);
    p->insns[p->count] = (struct bpf_insn){.code = code, .imm = imm};
    return &p->insns[p->count++];
}

/* r0 = the frame's bytes at this place, in host order. */
static void load(struct program *p, uint8_t size, int32_t at)
{
    (void)add(p, BPF_LD | BPF_ABS | size, at);
}

static void jump(struct program *p, uint8_t operation, uint32_t value, int16_t to)
{
    add(p, BPF_JMP32 | operation | BPF_K, (int32_t)value)->off = to;
}

static void go(struct program *p, int16_t to)
{
    add(p, BPF_JMP | BPF_JA, 0)->off = to;
}

/* A jump forward to a place that is not written yet. */
static size_t jump_later(struct program *p, uint8_t operation, uint32_t value)
{
    jump(p, operation, value, 0);
    return p->count - 1;
}

static void lands_here(struct program *p, size_t jump_at)
{
    p->insns[jump_at].off = (int16_t)(p->count - jump_at - 1);
}

static uint32_t word(const uint8_t *bytes)
{
    uint32_t w;
    memcpy(&w, bytes, sizeof(w));
    return ntohl(w);
}

/* The hardware address at this place is the container's, or the frame is dropped. */
static void check_mac(struct program *p, const uint8_t mac[6], int32_t at)
{
    load(p, BPF_W, at);
    jump(p, BPF_JNE, word(mac), DROP);
    load(p, BPF_H, at + 4);
    jump(p, BPF_JNE, (uint32_t)(mac[4] << 8 | mac[5]), DROP);
}

/* The bridge routes 127.0.0.0/8 (see bridge.c): not for a container, whose firewall may be flushed.
 */
static void add_ipv4(struct program *p, const struct net_address *a)
{
    if (!a->family) {
        go(p, DROP);
        return;
    }
    load(p, BPF_W, AT_IPV4_SOURCE);
    jump(p, BPF_JNE, word(a->bytes), DROP);
    load(p, BPF_B, AT_IPV4_DESTINATION);
    jump(p, BPF_JEQ, IN_LOOPBACKNET, DROP);
    go(p, PASS);
}

/* 0.0.0.0 asks whether somebody has an address (RFC 5227), and claims none. */
static void add_arp(struct program *p, const uint8_t mac[6], const struct net_address *a)
{
    if (!a->family) {
        go(p, DROP);
        return;
    }
    check_mac(p, mac, AT_ARP_SENDER_MAC);
    load(p, BPF_W, AT_ARP_SENDER);
    jump(p, BPF_JEQ, word(a->bytes), PASS);
    jump(p, BPF_JEQ, 0, PASS);
    go(p, DROP);
}

/* The IPv6 address at this place is link-local (any: it is made of the hardware address or at
 * random, and leads nowhere), the container's own, or, if it may, none. Falls through when good. */
static void check_ipv6(struct program *p, const struct net_address *a, int32_t at, bool none_too)
{
    size_t good[8], count = 0;
    load(p, BPF_W, at);
    (void)add(p, BPF_ALU | BPF_AND | BPF_K, (int32_t)0xffc00000);
    good[count++] = jump_later(p, BPF_JEQ, 0xfe800000);
    if (a->family) {
        size_t bad[4];
        for (int i = 0; i < 4; i++) {
            load(p, BPF_W, at + 4 * i);
            bad[i] = jump_later(p, BPF_JNE, word(a->bytes + 4 * i));
        }
        go(p, 0);
        good[count++] = p->count - 1;
        for (int i = 0; i < 4; i++) {
            lands_here(p, bad[i]);
        }
    }
    for (int i = 0; i < 4 && none_too; i++) {
        load(p, BPF_W, at + 4 * i);
        jump(p, BPF_JNE, 0, DROP);
    }
    if (!none_too) {
        go(p, DROP);
    }
    for (size_t i = 0; i < count; i++) {
        lands_here(p, good[i]);
    }
}

/* What says who is where (RFC 4861). Extension headers could hide it: those that may stand before
 * it do not pass, but for the one that multicast reports have. */
static void add_ipv6(struct program *p, const struct net_address *a)
{
    check_ipv6(p, a, AT_IPV6_SOURCE, true);
    load(p, BPF_B, AT_IPV6_NEXT);
    size_t icmp = jump_later(p, BPF_JEQ, IPPROTO_ICMPV6);
    jump(p, BPF_JEQ, IPPROTO_ROUTING, DROP);
    jump(p, BPF_JEQ, IPPROTO_DSTOPTS, DROP);
    size_t fragment = jump_later(p, BPF_JEQ, IPPROTO_FRAGMENT);
    jump(p, BPF_JNE, IPPROTO_HOPOPTS, PASS);
    load(p, BPF_B, AT_IPV6_PAYLOAD); /* hop by hop: followed by a multicast report */
    jump(p, BPF_JNE, IPPROTO_ICMPV6, DROP);
    load(p, BPF_B, AT_IPV6_PAYLOAD + HOP_BY_HOP_BYTES);
    jump(p, BPF_JEQ, MLD_LISTENER_REPORT, PASS);
    jump(p, BPF_JEQ, MLD_LISTENER_REDUCTION, PASS);
    jump(p, BPF_JEQ, 143, PASS); /* MLDv2 report, RFC 3810 §5.2 */
    go(p, DROP);
    lands_here(p, fragment);
    load(p, BPF_B, AT_IPV6_PAYLOAD);
    jump(p, BPF_JEQ, IPPROTO_ICMPV6, DROP);
    go(p, PASS);
    lands_here(p, icmp);
    load(p, BPF_B, AT_IPV6_PAYLOAD);
    jump(p, BPF_JEQ, ND_ROUTER_ADVERT, DROP);
    jump(p, BPF_JEQ, ND_REDIRECT, DROP);
    jump(p, BPF_JNE, ND_NEIGHBOR_ADVERT, PASS);
    check_ipv6(p, a, AT_TARGET, false);
    go(p, PASS);
}

static void finish(struct program *p)
{
    size_t pass = p->count, drop = p->count + 2;
    for (size_t i = 0; i < pass; i++) {
        int16_t *to = &p->insns[i].off;
        *to = (int16_t)(*to == PASS ? pass - i - 1 : *to == DROP ? drop - i - 1 : (size_t)*to);
    }
    (void)add(p, BPF_ALU64 | BPF_MOV | BPF_K, TC_ACT_UNSPEC); /* shaping's filter comes next */
    (void)add(p, BPF_JMP | BPF_EXIT, 0);
    (void)add(p, BPF_ALU64 | BPF_MOV | BPF_K, TC_ACT_SHOT);
    (void)add(p, BPF_JMP | BPF_EXIT, 0);
}

size_t guard_build(const struct net_endpoint *e, struct bpf_insn insns[GUARD_INSNS_MAX])
{
    struct program p = {insns, 0};
    struct ether_addr mac = {0};
    (void)ether_aton_r(str_or(e->mac_address, ""), &mac);         /* checked when reserved */
    struct bpf_insn *i = add(&p, BPF_ALU64 | BPF_MOV | BPF_X, 0); /* r6 = the frame */
    i->dst_reg = BPF_REG_6;
    i->src_reg = BPF_REG_1;
    i = add(&p, BPF_LDX | BPF_MEM | BPF_W, 0);
    i->dst_reg = BPF_REG_0;
    i->src_reg = BPF_REG_6;
    i->off = offsetof(struct __sk_buff, vlan_present);
    jump(&p, BPF_JNE, 0, DROP);
    check_mac(&p, mac.ether_addr_octet, AT_SOURCE_MAC);
    load(&p, BPF_H, AT_TYPE);
    size_t ipv4 = jump_later(&p, BPF_JEQ, ETH_P_IP);
    size_t arp = jump_later(&p, BPF_JEQ, ETH_P_ARP);
    jump(&p, BPF_JNE, ETH_P_IPV6, DROP);
    add_ipv6(&p, &e->addresses[NET_IPV6]);
    lands_here(&p, ipv4);
    add_ipv4(&p, &e->addresses[NET_IPV4]);
    lands_here(&p, arp);
    add_arp(&p, mac.ether_addr_octet, &e->addresses[NET_IPV4]);
    finish(&p);
    return p.count;
}

static int load_program(const struct net_endpoint *e, struct error **err)
{
    struct bpf_insn insns[GUARD_INSNS_MAX];
    static const char license[] = "Apache-2.0";
    union bpf_attr a = {
        .prog_type = BPF_PROG_TYPE_SCHED_CLS,
        .insn_cnt = (uint32_t)guard_build(e, insns),
        .insns = (uintptr_t)insns,
        .license = (uintptr_t)license,
    };
    (void)stpcpy(a.prog_name, "cloison_guard");
    int fd = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &a, sizeof(a));
    if (fd < 0) {
        int r = error_set_errno(err, errno == EPERM ? ERROR_DENIED : ERROR_UNSUPPORTED, errno,
                                "loading the filter of what the container may send");
        return error_hint(err, r, "this needs CAP_BPF or CAP_SYS_ADMIN, and CONFIG_BPF_SYSCALL");
    }
    return fd;
}

static struct tcmsg *put_tc(struct nlmsghdr *m, int index, uint32_t parent)
{
    struct tcmsg *t = mnl_nlmsg_put_extra_header(m, sizeof(*t));
    t->tcm_ifindex = index;
    t->tcm_parent = parent;
    return t;
}

void guard_add_filter_place(struct batch *b, int index)
{
    struct nlmsghdr *m = batch_add(b, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL,
                                   "preparing the device for filters", EEXIST);
    put_tc(m, index, TC_H_CLSACT)->tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0);
    mnl_attr_put_strz(m, TCA_KIND, "clsact");
}

static void add_filter(struct batch *b, int index, int program)
{
    struct nlmsghdr *m = batch_add(b, RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL,
                                   "filtering what the container may send", 0);
    struct tcmsg *t = put_tc(m, index, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS));
    t->tcm_handle = 1;
    t->tcm_info = TC_H_MAKE(1u << 16, htons(ETH_P_ALL)); /* priority 1: before shaping */
    mnl_attr_put_strz(m, TCA_KIND, "bpf");
    struct nlattr *options = mnl_attr_nest_start(m, TCA_OPTIONS);
    mnl_attr_put_u32(m, TCA_BPF_FD, (uint32_t)program);
    mnl_attr_put_strz(m, TCA_BPF_NAME, "cloison_guard");
    mnl_attr_put_u32(m, TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT);
    mnl_attr_nest_end(m, options);
}

void guards_done(struct guards *g)
{
    for (size_t i = 0; i < g->count; i++) {
        fd_close(g->fds[i]);
    }
    free(g->fds);
    *g = (struct guards){0};
}

int guards_load(struct guards *ret, const struct net_endpoint *ends, size_t count,
                struct error **err)
{
    ret->fds = xcalloc(count + 1, sizeof(*ret->fds));
    for (ret->count = 0; ret->count < count; ret->count++) {
        const struct net_endpoint *e = &ends[ret->count];
        int fd = e->host_interface ? load_program(e, err) : -1;
        if (fd < 0 && e->host_interface) {
            return fd;
        }
        ret->fds[ret->count] = fd;
    }
    return 0;
}

int guards_attach(struct netlink *route, const struct guards *g, const struct net_endpoint *ends,
                  struct error **err)
{
    CLEANUP(batch) struct batch b = {0};
    batch_begin(&b, false);
    for (size_t i = 0; i < g->count; i++) {
        if (g->fds[i] >= 0) {
            int index = message_index_of(route, ends[i].host_interface);
            guard_add_filter_place(&b, index);
            add_filter(&b, index, g->fds[i]);
        }
    }
    int r = b.count ? batch_run(route, &b, NULL, NULL, err) : 0;
    return r == -ENOENT || r == -EOPNOTSUPP
               ? error_hint(err, r,
                            "this kernel needs CONFIG_NET_SCH_INGRESS and "
                            "CONFIG_NET_CLS_BPF")
               : r;
}
