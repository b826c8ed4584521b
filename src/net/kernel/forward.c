// SPDX-License-Identifier: Apache-2.0
#include "net/kernel/forward.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

/* Behind the C library's, whose definitions they then leave alone. */
#include <libnftnl/chain.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "base/str.h"

#define TABLE "filter"
#define CHAIN "FORWARD"
#define DOCKER_CHAIN "DOCKER-USER"

/* One family's tables, for one bridge. */
struct side {
    struct netlink *nf;
    const struct net_network *network;
    uint8_t family; /* NFPROTO_IPV4, NFPROTO_IPV6 */
};

static struct nlmsghdr *add_message(const struct side *s, struct batch *b, uint16_t type,
                                    uint16_t flags, const char *what, int tolerated)
{
    uint16_t full = (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type);
    struct nlmsghdr *m = batch_add(b, full, flags, what, tolerated);
    struct nfgenmsg *g = mnl_nlmsg_put_extra_header(m, sizeof(*g));
    g->nfgen_family = s->family;
    g->version = NFNETLINK_V0;
    return m;
}

/* What the two chains look like. */
struct found_chains {
    bool drops, docker;
};

static void read_chain(const struct nlmsghdr *m, void *context)
{
    struct found_chains *found = context;
    struct nftnl_chain *c = nftnl_chain_alloc();
    assert(c);
    if (nftnl_chain_nlmsg_parse(m, c) >= 0) {
        const char *name = nftnl_chain_get_str(c, NFTNL_CHAIN_NAME);
        found->docker |= str_equal(name, DOCKER_CHAIN);
        found->drops |= str_equal(name, CHAIN) && nftnl_chain_is_set(c, NFTNL_CHAIN_POLICY) &&
                        nftnl_chain_get_u32(c, NFTNL_CHAIN_POLICY) == NF_DROP;
    }
    nftnl_chain_free(c);
}

static int find_chains(const struct side *s, struct found_chains *ret, struct error **err)
{
    static const char *const names[] = {CHAIN, DOCKER_CHAIN};
    CLEANUP(batch) struct batch b = {0};
    batch_begin(&b, false);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        struct nftnl_chain *c = nftnl_chain_alloc();
        assert(c);
        nftnl_chain_set_str(c, NFTNL_CHAIN_TABLE, TABLE);
        nftnl_chain_set_str(c, NFTNL_CHAIN_NAME, names[i]);
        nftnl_chain_nlmsg_build_payload(
            add_message(s, &b, NFT_MSG_GETCHAIN, 0, "reading the firewall", ENOENT), c);
        nftnl_chain_free(c);
    }
    return batch_run(s->nf, &b, read_chain, ret, err);
}

/* The comment by which our rules are known. */
static char *comment_of(const struct side *s)
{
    return str_format("cloison %s", s->network->device);
}

static int take_comment(const struct nftnl_udata *u, void *context)
{
    if (nftnl_udata_type(u) == NFTNL_UDATA_RULE_COMMENT && nftnl_udata_len(u) > 0) {
        *(const char **)context = nftnl_udata_get(u);
    }
    return 0;
}

/* The handles of our rules in the chain that is read. */
struct found_rules {
    const char *comment;
    uint64_t handles[8];
    size_t count;
};

static void read_rule(const struct nlmsghdr *m, void *context)
{
    struct found_rules *found = context;
    struct nftnl_rule *r = nftnl_rule_alloc();
    uint32_t len = 0;
    const char *comment = NULL;
    assert(r);
    if (nftnl_rule_nlmsg_parse(m, r) >= 0) {
        const void *data = nftnl_rule_get_data(r, NFTNL_RULE_USERDATA, &len);
        if (data && nftnl_udata_parse(data, len, take_comment, &comment) >= 0 &&
            str_equal(comment, found->comment) && found->count < ARRAY_SIZE(found->handles)) {
            found->handles[found->count++] = nftnl_rule_get_u64(r, NFTNL_RULE_HANDLE);
        }
    }
    nftnl_rule_free(r);
}

static struct nftnl_rule *rule_in(const struct side *s, const char *chain)
{
    struct nftnl_rule *r = nftnl_rule_alloc();
    assert(r);
    nftnl_rule_set_u32(r, NFTNL_RULE_FAMILY, s->family);
    nftnl_rule_set_str(r, NFTNL_RULE_TABLE, TABLE);
    nftnl_rule_set_str(r, NFTNL_RULE_CHAIN, chain);
    return r;
}

static int find_rules(const struct side *s, const char *chain, struct found_rules *ret,
                      struct error **err)
{
    CLEANUP(batch) struct batch b = {0};
    CLEANUP(error) struct error *e = NULL;
    struct nftnl_rule *filter = rule_in(s, chain);
    batch_begin(&b, false);
    nftnl_rule_nlmsg_build_payload(
        add_message(s, &b, NFT_MSG_GETRULE, NLM_F_DUMP, "reading the firewall's rules", 0), filter);
    nftnl_rule_free(filter);
    int r = netlink_dump(s->nf, &b, read_rule, ret, &e);
    return r == -ENOENT ? 0 : r < 0 ? error_move(err, &e, r) : r;
}

static struct nftnl_expr *add_expr(struct nftnl_rule *r, const char *name)
{
    struct nftnl_expr *e = nftnl_expr_alloc(name);
    assert(e);
    nftnl_rule_add_expr(r, e);
    return e;
}

/* Written as iptables-nft writes `-i BRIDGE -j ACCEPT`, so that iptables can go on listing it. */
static void add_accept(const struct side *s, struct batch *b, const char *chain, uint32_t key,
                       const char *comment)
{
    struct nftnl_rule *r = rule_in(s, chain);
    struct nftnl_expr *e = add_expr(r, "meta");
    nftnl_expr_set_u32(e, NFTNL_EXPR_META_KEY, key);
    nftnl_expr_set_u32(e, NFTNL_EXPR_META_DREG, NFT_REG_1);
    e = add_expr(r, "cmp");
    nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
    nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_OP, NFT_CMP_EQ);
    nftnl_expr_set(e, NFTNL_EXPR_CMP_DATA, s->network->device,
                   (uint32_t)strlen(s->network->device) + 1);
    (void)add_expr(r, "counter");
    e = add_expr(r, "immediate");
    nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
    nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_VERDICT, NF_ACCEPT);
    struct nftnl_udata_buf *u = nftnl_udata_buf_alloc(NFT_USERDATA_MAXLEN);
    assert(u);
    if (nftnl_udata_put_strz(u, NFTNL_UDATA_RULE_COMMENT, comment)) {
        nftnl_rule_set_data(r, NFTNL_RULE_USERDATA, nftnl_udata_buf_data(u),
                            nftnl_udata_buf_len(u));
    }
    nftnl_udata_buf_free(u);
    /* Without NLM_F_APPEND: in front of the others. */
    nftnl_rule_nlmsg_build_payload(
        add_message(s, b, NFT_MSG_NEWRULE, NLM_F_CREATE, "opening the host's firewall", 0), r);
    nftnl_rule_free(r);
}

/* The chain that wants our rules and has them not; NULL: none does. */
static int find_gap(const struct side *s, const char **ret_chain, struct error **err)
{
    CLEANUP(free) char *comment = comment_of(s);
    struct found_chains chains = {0};
    struct found_rules rules = {.comment = comment};
    *ret_chain = NULL;
    int r = find_chains(s, &chains, err);
    if (r < 0 || !chains.drops) {
        return r;
    }
    const char *chain = chains.docker ? DOCKER_CHAIN : CHAIN;
    r = find_rules(s, chain, &rules, err);
    if (r >= 0 && rules.count == 0) {
        *ret_chain = chain;
    }
    return r;
}

static int open_side(const struct side *s, struct error **err)
{
    CLEANUP(batch) struct batch b = {0};
    CLEANUP(free) char *comment = comment_of(s);
    const char *chain;
    int r = find_gap(s, &chain, err);
    if (r < 0 || !chain) {
        return r;
    }
    batch_begin(&b, true);
    add_accept(s, &b, chain, NFT_META_OIFNAME, comment);
    add_accept(s, &b, chain, NFT_META_IIFNAME, comment);
    return batch_run(s->nf, &b, NULL, NULL, err);
}

static int close_chain(const struct side *s, const char *chain, struct error **err)
{
    CLEANUP(batch) struct batch b = {0};
    CLEANUP(free) char *comment = comment_of(s);
    struct found_rules rules = {.comment = comment};
    int r = find_rules(s, chain, &rules, err);
    if (r < 0 || rules.count == 0) {
        return r;
    }
    batch_begin(&b, true);
    for (size_t i = 0; i < rules.count; i++) {
        struct nftnl_rule *rule = rule_in(s, chain);
        nftnl_rule_set_u64(rule, NFTNL_RULE_HANDLE, rules.handles[i]);
        nftnl_rule_nlmsg_build_payload(
            add_message(s, &b, NFT_MSG_DELRULE, 0, "closing the host's firewall", 0), rule);
        nftnl_rule_free(rule);
    }
    return batch_run(s->nf, &b, NULL, NULL, err);
}

static const uint8_t families[] = {[NET_IPV4] = NFPROTO_IPV4, [NET_IPV6] = NFPROTO_IPV6};

bool forward_ready(struct netlink *nf, const struct net_network *n)
{
    for (int f = 0; f < NET_FAMILIES; f++) {
        struct side s = {nf, n, families[f]};
        const char *chain = NULL;
        if (net_network_has(n, f) && (find_gap(&s, &chain, NULL) < 0 || chain)) {
            return false;
        }
    }
    return true;
}

int forward_open(struct netlink *nf, const struct net_network *n, struct error **err)
{
    int r = 0;
    for (int f = 0; f < NET_FAMILIES && r >= 0; f++) {
        struct side s = {nf, n, families[f]};
        r = net_network_has(n, f) ? open_side(&s, err) : 0;
    }
    return r;
}

int forward_close(struct netlink *nf, const struct net_network *n, struct error **err)
{
    int r = 0;
    for (int f = 0; f < NET_FAMILIES && r >= 0; f++) {
        struct side s = {nf, n, families[f]};
        r = close_chain(&s, DOCKER_CHAIN, err);
        r = r < 0 ? r : close_chain(&s, CHAIN, err);
    }
    return r;
}
