// SPDX-License-Identifier: Apache-2.0
#include "net/kernel/shape.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_mirred.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "net/kernel/guard.h"
#include "net/kernel/message.h"

#define ID_DIGITS 10 /* of the container's, in the queues' names */
#define MTU_DEFAULT 1500
#define BURST_MS 10     /* what may pass at once after a silence */
#define BURST_MIN 16384 /* bytes: a timer's tick at gigabits, a few packets at kilobits */
#define WAIT_MS 50      /* the longest that a packet may wait */
#define WAIT_MIN 65536  /* bytes: a TCP window that is worth having */
#define QUEUE_LEN 1000  /* packets: an ifb's own default of 32 drops bursts */
#define PRIORITY 2      /* behind the guard's */

enum direction { IN, OUT, DIRECTIONS };

static void queue_name(const char *id, enum direction d, char name[NET_DEVICE_BYTES])
{
    (void)snprintf(name, NET_DEVICE_BYTES, "if%c%.*s", d == IN ? 'i' : 'o', ID_DIGITS, id);
}

static uint64_t rate_of(const struct net_attachment *a, enum direction d)
{
    return d == IN ? a->rate.in : a->rate.out;
}

/* Bytes a second as the queue counts them: Ethernet's header with each packet. */
static uint64_t bytes_with_headers(const struct net_attachment *a, uint64_t bits)
{
    uint64_t mtu = a->count && a->endpoints[0].network->mtu ? (uint64_t)a->endpoints[0].network->mtu
                                                            : MTU_DEFAULT;
    return bits / 8 * (mtu + ETH_HLEN) / mtu;
}

static struct tcmsg *put_tc(struct nlmsghdr *m, int index, uint32_t parent, uint32_t handle)
{
    struct tcmsg *t = mnl_nlmsg_put_extra_header(m, sizeof(*t));
    t->tcm_family = AF_UNSPEC;
    t->tcm_ifindex = index;
    t->tcm_parent = parent;
    t->tcm_handle = handle;
    return t;
}

static void add_queue(struct batch *b, const char *name)
{
    struct nlmsghdr *m =
        batch_add(b, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, "making the queue device", EEXIST);
    message_put_link(m, 0, IFF_UP);
    mnl_attr_put_strz(m, IFLA_IFNAME, name);
    mnl_attr_put_u32(m, IFLA_TXQLEN, QUEUE_LEN);
    struct nlattr *info = mnl_attr_nest_start(m, IFLA_LINKINFO);
    mnl_attr_put_strz(m, IFLA_INFO_KIND, "ifb");
    mnl_attr_nest_end(m, info);
}

static uint32_t more(uint64_t bytes, uint64_t least)
{
    bytes = bytes > least ? bytes : least;
    return bytes < UINT32_MAX / 2 ? (uint32_t)bytes : UINT32_MAX / 2;
}

static void add_bucket(struct batch *b, int index, uint64_t rate)
{
    struct nlmsghdr *m =
        batch_add(b, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE, "setting the rate", 0);
    struct tc_tbf_qopt q = {0};
    uint32_t burst = more(rate * BURST_MS / 1000, BURST_MIN);
    q.rate.rate = rate < UINT32_MAX ? (uint32_t)rate : UINT32_MAX;
    q.rate.linklayer = TC_LINKLAYER_ETHERNET;
    q.limit = burst + more(rate * WAIT_MS / 1000, WAIT_MIN);
    put_tc(m, index, TC_H_ROOT, TC_H_MAKE(1u << 16, 0));
    mnl_attr_put_strz(m, TCA_KIND, "tbf");
    struct nlattr *options = mnl_attr_nest_start(m, TCA_OPTIONS);
    mnl_attr_put(m, TCA_TBF_PARMS, sizeof(q), &q);
    mnl_attr_put_u32(m, TCA_TBF_BURST, burst);
    if (rate >= UINT32_MAX) {
        mnl_attr_put_u64(m, TCA_TBF_RATE64, rate);
    }
    mnl_attr_nest_end(m, options);
}

/* In place of the bucket's own queue, which is first come, first served. Tolerated: this kernel has
 * none. */
static void add_fair_queue(struct batch *b, int index)
{
    struct nlmsghdr *m =
        batch_add(b, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE, "sharing the rate fairly", ENOENT);
    put_tc(m, index, TC_H_MAKE(1u << 16, 1), 0);
    mnl_attr_put_strz(m, TCA_KIND, "fq_codel");
}

static uint32_t place_of(enum direction d)
{
    return TC_H_MAKE(TC_H_CLSACT, d == IN ? TC_H_MIN_EGRESS : TC_H_MIN_INGRESS);
}

/* All that passes goes into the queue (u32, match of nothing: each packet). */
static void add_redirect(struct batch *b, int index, enum direction d, int queue)
{
    struct nlmsghdr *m = batch_add(b, RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL,
                                   "sending the container's packets through its queue", EEXIST);
    struct {
        struct tc_u32_sel sel;
        struct tc_u32_key key;
    } all = {.sel = {.flags = TC_U32_TERMINAL, .nkeys = 1}};
    struct tc_mirred to = {
        .action = TC_ACT_STOLEN, .eaction = TCA_EGRESS_REDIR, .ifindex = (uint32_t)queue};
    struct tcmsg *t = put_tc(m, index, place_of(d), 0);
    t->tcm_info = TC_H_MAKE((uint32_t)PRIORITY << 16, htons(ETH_P_ALL));
    mnl_attr_put_strz(m, TCA_KIND, "u32");
    struct nlattr *options = mnl_attr_nest_start(m, TCA_OPTIONS);
    mnl_attr_put(m, TCA_U32_SEL, sizeof(all), &all);
    struct nlattr *actions = mnl_attr_nest_start(m, TCA_U32_ACT);
    struct nlattr *first = mnl_attr_nest_start(m, 1);
    mnl_attr_put_strz(m, TCA_ACT_KIND, "mirred");
    struct nlattr *parameters = mnl_attr_nest_start(m, TCA_ACT_OPTIONS);
    mnl_attr_put(m, TCA_MIRRED_PARMS, sizeof(to), &to);
    mnl_attr_nest_end(m, parameters);
    mnl_attr_nest_end(m, first);
    mnl_attr_nest_end(m, actions);
    mnl_attr_nest_end(m, options);
}

static void add_no_redirect(struct batch *b, int index, enum direction d)
{
    struct nlmsghdr *m = batch_add(b, RTM_DELTFILTER, 0, "lifting the rate", ENOENT);
    struct tcmsg *t = put_tc(m, index, place_of(d), 0);
    t->tcm_info = TC_H_MAKE((uint32_t)PRIORITY << 16, htons(ETH_P_ALL));
}

static int hint(int r, struct error **err)
{
    return r == -EOPNOTSUPP || r == -ENOENT
               ? error_hint(err, r,
                            "a rate needs CONFIG_IFB, CONFIG_NET_SCH_TBF, CONFIG_NET_CLS_U32 and "
                            "CONFIG_NET_ACT_MIRRED")
               : r;
}

/* The queue of one direction: its index, or 0 when there is to be none. */
static int make_queue(struct netlink *route, const char *id, const struct net_attachment *a,
                      enum direction d, struct error **err)
{
    CLEANUP(batch) struct batch make = {0};
    CLEANUP(batch) struct batch set = {0};
    char name[NET_DEVICE_BYTES];
    queue_name(id, d, name);
    batch_begin(&make, false);
    add_queue(&make, name);
    int r = batch_run(route, &make, NULL, NULL, err);
    if (r < 0) {
        return hint(r, err);
    }
    int index = message_index_of(route, name);
    batch_begin(&set, false);
    add_bucket(&set, index, bytes_with_headers(a, rate_of(a, d)));
    add_fair_queue(&set, index);
    r = batch_run(route, &set, NULL, NULL, err);
    return r < 0 ? hint(r, err) : index;
}

static int remove_queue(struct netlink *route, const char *id, enum direction d, struct error **err)
{
    CLEANUP(batch) struct batch b = {0};
    char name[NET_DEVICE_BYTES];
    queue_name(id, d, name);
    batch_begin(&b, false);
    message_add_remove_link(&b, name, "removing the queue device");
    return batch_run(route, &b, NULL, NULL, err);
}

/* The filters of some ends, to this queue or (0) to none. */
static int redirect(struct netlink *route, const struct net_endpoint *ends, size_t count,
                    enum direction d, int queue, struct error **err)
{
    CLEANUP(batch) struct batch b = {0};
    bool any = false;
    batch_begin(&b, false);
    for (size_t i = 0; i < count; i++) {
        int index = ends[i].host_interface ? message_index_of(route, ends[i].host_interface) : 0;
        if (index && queue) {
            guard_add_filter_place(&b, index);
            add_redirect(&b, index, d, queue);
        } else if (index) {
            add_no_redirect(&b, index, d);
        }
        any |= index != 0;
    }
    return any ? hint(batch_run(route, &b, NULL, NULL, err), err) : 0;
}

static int apply(struct netlink *route, const char *id, const struct net_attachment *a,
                 enum direction d, bool before, struct error **err)
{
    if (!rate_of(a, d)) {
        int r = before ? redirect(route, a->endpoints, a->count, d, 0, err) : 0;
        return r < 0 || !before ? r : remove_queue(route, id, d, err);
    }
    int queue = make_queue(route, id, a, d, err);
    return queue < 0 ? queue : redirect(route, a->endpoints, a->count, d, queue, err);
}

int shape_apply(struct netlink *route, const char *id, const struct net_attachment *a, bool before,
                struct error **err)
{
    int r = 0;
    for (int d = IN; d < DIRECTIONS && r >= 0; d++) {
        r = apply(route, id, a, d, before, err);
    }
    return r;
}

int shape_add_end(struct netlink *route, const char *id, const struct net_attachment *a,
                  const struct net_endpoint *e, struct error **err)
{
    int r = 0;
    for (int d = IN; d < DIRECTIONS && r >= 0; d++) {
        char name[NET_DEVICE_BYTES];
        queue_name(id, d, name);
        int queue = rate_of(a, d) ? message_index_of(route, name) : 0;
        r = queue ? redirect(route, e, 1, d, queue, err) : 0;
    }
    return r;
}

int shape_remove(struct netlink *route, const char *id, struct error **err)
{
    int r = 0;
    for (int d = IN; d < DIRECTIONS && r >= 0; d++) {
        r = remove_queue(route, id, d, err);
    }
    return r;
}
