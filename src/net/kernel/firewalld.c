// SPDX-License-Identifier: Apache-2.0
#include "net/kernel/firewalld.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

/* Behind the C library's, whose definitions they then leave alone. */
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "net/helper.h"

#define TABLE "firewalld"
#define CHAIN "filter_INPUT_ZONES" /* a rule for each device that is in a zone */

struct search {
    const char *device;
    bool rules, found;
};

/* A comparison with the device's name, as nft writes `iifname "NAME"`. */
static int look_at(struct nftnl_expr *e, void *context)
{
    struct search *s = context;
    uint32_t len = 0;
    if (str_equal(nftnl_expr_get_str(e, NFTNL_EXPR_NAME), "cmp")) {
        const void *data = nftnl_expr_get(e, NFTNL_EXPR_CMP_DATA, &len);
        size_t n = strlen(s->device);
        s->found |= data && len > n && memcmp(data, s->device, n + 1) == 0;
    }
    return 0;
}

static void read_rule(const struct nlmsghdr *m, void *context)
{
    struct nftnl_rule *r = nftnl_rule_alloc();
    assert(r);
    if (nftnl_rule_nlmsg_parse(m, r) >= 0) {
        ((struct search *)context)->rules = true;
        (void)nftnl_expr_foreach(r, look_at, context);
    }
    nftnl_rule_free(r);
}

static struct search search_for(struct netlink *nf, const char *device)
{
    CLEANUP(batch) struct batch b = {0};
    struct search s = {.device = device};
    struct nftnl_rule *filter = nftnl_rule_alloc();
    assert(filter);
    nftnl_rule_set_u32(filter, NFTNL_RULE_FAMILY, NFPROTO_INET);
    nftnl_rule_set_str(filter, NFTNL_RULE_TABLE, TABLE);
    nftnl_rule_set_str(filter, NFTNL_RULE_CHAIN, CHAIN);
    batch_begin(&b, false);
    struct nlmsghdr *m =
        batch_add(&b, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETRULE), NLM_F_DUMP, "", 0);
    struct nfgenmsg *g = mnl_nlmsg_put_extra_header(m, sizeof(*g));
    g->nfgen_family = NFPROTO_INET;
    g->version = NFNETLINK_V0;
    nftnl_rule_nlmsg_build_payload(m, filter);
    nftnl_rule_free(filter);
    IGNORE(netlink_dump(nf, &b, read_rule, &s, NULL) < 0); /* no such table: no rules */
    return s;
}

bool firewalld_ready(struct netlink *nf, const struct net_network *n)
{
    struct search s = search_for(nf, n->device);
    return !s.rules || s.found;
}

static int ask(const char *verb, const struct net_network *n, struct error **err)
{
    const char *const arguments[] = {verb, n->device, NULL};
    return net_program_run("cloison-firewalld", arguments, NULL, 0, err);
}

int firewalld_add(const struct net_network *n, struct error **err)
{
    return ask("add", n, err);
}

int firewalld_remove(struct netlink *nf, const struct net_network *n, struct error **err)
{
    return search_for(nf, n->device).found ? ask("remove", n, err) : 0;
}
