// SPDX-License-Identifier: Apache-2.0
/* What our table consists of, as rows: table.c writes them. Private to it. */
#pragma once

#include "net/kernel/rule.h"

enum {
    SET_BRIDGES,
    SET_SAME,
    SET_LOOPS,
    SET_HIDDEN,
    SET_HIDDEN_IPV6,
    SET_INTERNAL,
    SET_GATEWAYS,
    SET_GATEWAYS_IPV6,
    SET_SERVICES,
    MAP_PORTS,
    MAP_PORTS_AT,
    MAP_PORTS_IPV6,
    MAP_PORTS_AT_IPV6,
    SET_COUNT
};

struct set_row {
    const char *name;
    uint32_t key_type, key_len, data_type, data_len; /* no data: a set */
};
extern const struct set_row table_sets[SET_COUNT];

struct chain_row {
    const char *name, *type; /* type NULL: only jumped to */
    uint32_t hook;
    int32_t priority;
};
extern const struct chain_row table_chains[];
extern const size_t table_chain_count;

extern const struct rule_row table_rules[];
extern const size_t table_rule_count;

/* Of the table in a container's own namespace. */
extern const struct chain_row table_inside_chain;
extern const struct rule_row table_inside_rule;

#define TABLE_DEVICE_BYTES 16
#define TABLE_TYPE_DEVICE 41 /* nft's TYPE_IFNAME */
