// SPDX-License-Identifier: Apache-2.0
/* Firewall rules as rows of data: a rule is a few steps, each one of nf_tables' small expressions
 * with its arguments fixed, working on register 1. Building them allocates; no other side effect.
 * Spec: man 8 nft; `nft --debug=netlink` shows the same expressions. */
#pragma once

#include <libnftnl/rule.h>

enum rule_step_kind {
    STEP_END, /* zero: ends the row */
    /* what to look at */
    STEP_IN_DEVICE,       /* iifname */
    STEP_OUT_DEVICE,      /* oifname */
    STEP_IN_AND_OUT,      /* iifname . oifname */
    STEP_PORT,            /* meta l4proto . th dport */
    STEP_PORT_AT,         /* meta l4proto . ip daddr . th dport */
    STEP_PORT_AT_IPV6,    /* meta l4proto . ip6 daddr . th dport */
    STEP_TO_ADDRESS,      /* ip daddr */
    STEP_TO_ADDRESS_IPV6, /* ip6 daddr */
    /* conditions */
    STEP_IN_SET,            /* what was looked at is in the set named by the argument */
    STEP_NOT_IN_SET,        /* … is not */
    STEP_IPV4,              /* meta nfproto ipv4 */
    STEP_IPV6,              /* meta nfproto ipv6 */
    STEP_ICMPV6,            /* meta l4proto ipv6-icmp */
    STEP_FROM_LOOPBACK,     /* ip saddr 127.0.0.0/8 */
    STEP_TO_LOOPBACK,       /* ip daddr 127.0.0.0/8 */
    STEP_TO_LOOPBACK_IPV6,  /* ip6 daddr ::1 */
    STEP_TO_THIS_HOST,      /* fib daddr type local */
    STEP_TO_THIS_DEVICE,    /* fib daddr . iif type local: an address of where it came in */
    STEP_TO_ANOTHER_DEVICE, /* fib daddr . iif type != local */
    STEP_REDIRECTED,        /* ct status dnat */
    STEP_ESTABLISHED,       /* ct state established,related */
    /* verdicts */
    STEP_REDIRECT,      /* dnat ip to <what was looked at> map @argument */
    STEP_REDIRECT_IPV6, /* dnat ip6 to … */
    STEP_MASQUERADE,
    STEP_ACCEPT,
    STEP_DROP,
    STEP_RETURN,
    STEP_JUMP, /* to the chain named by the argument */
};

struct rule_step {
    enum rule_step_kind kind;
    const char *argument; /* a set's, map's or chain's name, or NULL */
};

#define RULE_STEPS_MAX 6
struct rule_row {
    const char *chain;
    struct rule_step steps[RULE_STEPS_MAX + 1];
};

/* The row as libnftnl's rule in this table. The caller frees it with nftnl_rule_free(). */
struct nftnl_rule *rule_build(const struct rule_row *row, const char *table);
