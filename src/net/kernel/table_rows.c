// SPDX-License-Identifier: Apache-2.0
#include "net/kernel/table_rows.h"

#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>

#include "base/macros.h"

/* nft's numbers for types of keys (nft's datatype.h), for those who list the table: the kernel only
 * stores them. A concatenation is six bits each. */
#define TYPE_ADDRESS 7
#define TYPE_ADDRESS_IPV6 8
#define TYPE_PROTO 12
#define TYPE_PORT 13
#define CONCAT2(a, b) ((a) << 6 | (b))
#define CONCAT3(a, b, c) (CONCAT2(a, b) << 6 | (c))

#define DEVICE TABLE_TYPE_DEVICE, TABLE_DEVICE_BYTES
#define TWO_DEVICES CONCAT2(TABLE_TYPE_DEVICE, TABLE_TYPE_DEVICE), 2 * TABLE_DEVICE_BYTES
#define PORT CONCAT2(TYPE_PROTO, TYPE_PORT), 8
#define TO CONCAT2(TYPE_ADDRESS, TYPE_PORT), 8
#define TO_IPV6 CONCAT2(TYPE_ADDRESS_IPV6, TYPE_PORT), 20
#define NONE 0, 0

const struct set_row table_sets[SET_COUNT] = {
    [SET_BRIDGES] = {"bridges", DEVICE, NONE},
    [SET_SAME] = {"same", TWO_DEVICES, NONE},
    [SET_LOOPS] = {"loops", TWO_DEVICES, NONE},
    [SET_HIDDEN] = {"hidden", DEVICE, NONE},
    [SET_HIDDEN_IPV6] = {"hidden6", DEVICE, NONE},
    [SET_INTERNAL] = {"internal", DEVICE, NONE},
    [SET_GATEWAYS] = {"gateways", TYPE_ADDRESS, 4, NONE},
    [SET_GATEWAYS_IPV6] = {"gateways6", TYPE_ADDRESS_IPV6, 16, NONE},
    [SET_SERVICES] = {"services", PORT, NONE},
    [MAP_PORTS] = {"ports", PORT, TO},
    [MAP_PORTS_AT] = {"ports_at", CONCAT3(TYPE_PROTO, TYPE_ADDRESS, TYPE_PORT), 12, TO},
    [MAP_PORTS_IPV6] = {"ports6", PORT, TO_IPV6},
    [MAP_PORTS_AT_IPV6] = {"ports6_at", CONCAT3(TYPE_PROTO, TYPE_ADDRESS_IPV6, TYPE_PORT), 24,
                           TO_IPV6},
};

const struct chain_row table_chains[] = {
    {"publish", NULL, 0, 0},
    {"prerouting", "nat", NF_INET_PRE_ROUTING, NF_IP_PRI_NAT_DST},
    {"output", "nat", NF_INET_LOCAL_OUT, NF_IP_PRI_NAT_DST},
    {"postrouting", "nat", NF_INET_POST_ROUTING, NF_IP_PRI_NAT_SRC},
    {"input", "filter", NF_INET_LOCAL_IN, NF_IP_PRI_FILTER},
    {"forward", "filter", NF_INET_FORWARD, NF_IP_PRI_FILTER},
};
const size_t table_chain_count = ARRAY_SIZE(table_chains);

#define FROM_US                                                                                    \
    {STEP_IN_DEVICE},                                                                              \
    {                                                                                              \
        STEP_IN_SET, "bridges"                                                                     \
    }
#define FROM_INTERNAL                                                                              \
    {STEP_IN_DEVICE},                                                                              \
    {                                                                                              \
        STEP_IN_SET, "internal"                                                                    \
    }
#define TO_US                                                                                      \
    {STEP_OUT_DEVICE},                                                                             \
    {                                                                                              \
        STEP_IN_SET, "bridges"                                                                     \
    }
#define NOT_TO_US                                                                                  \
    {STEP_OUT_DEVICE},                                                                             \
    {                                                                                              \
        STEP_NOT_IN_SET, "bridges"                                                                 \
    }

const struct rule_row table_rules[] = {
    /* A port published on one address of the host comes before one published on all. */
    {"publish", {{STEP_IPV4}, {STEP_PORT_AT}, {STEP_REDIRECT, "ports_at"}}},
    {"publish", {{STEP_IPV4}, {STEP_PORT}, {STEP_REDIRECT, "ports"}}},
    {"publish", {{STEP_IPV6}, {STEP_PORT_AT_IPV6}, {STEP_REDIRECT_IPV6, "ports6_at"}}},
    {"publish", {{STEP_IPV6}, {STEP_PORT}, {STEP_REDIRECT_IPV6, "ports6"}}},
    /* Published on 127.0.0.1 means: for this host alone, whatever a neighbour writes in a packet.
     */
    {"prerouting", {{STEP_TO_LOOPBACK}, {STEP_RETURN}}},
    /* What leads nowhere does not get out by the host's door either. */
    {"prerouting", {FROM_INTERNAL, {STEP_RETURN}}},
    {"prerouting", {{STEP_TO_THIS_HOST}, {STEP_JUMP, "publish"}}},
    /* The kernel sends nothing from ::1 to another device: a process takes these (proxy.h). */
    {"output", {{STEP_TO_LOOPBACK_IPV6}, {STEP_RETURN}}},
    {"output", {{STEP_TO_THIS_HOST}, {STEP_JUMP, "publish"}}},
    /* Answers must come back through the host when the question came from the host, its loopback
     * device too, or from a container on the same bridge. */
    {"postrouting",
     {{STEP_IN_AND_OUT}, {STEP_IN_SET, "loops"}, {STEP_REDIRECTED}, {STEP_MASQUERADE}}},
    {"postrouting",
     {{STEP_IPV4}, {STEP_IN_DEVICE}, {STEP_IN_SET, "hidden"}, NOT_TO_US, {STEP_MASQUERADE}}},
    {"postrouting",
     {{STEP_IPV6}, {STEP_IN_DEVICE}, {STEP_IN_SET, "hidden6"}, NOT_TO_US, {STEP_MASQUERADE}}},
    /* What was let in goes on; the answers to what the host sent from 127.0.0.1 are for it. */
    {"input", {{STEP_ESTABLISHED}, {STEP_ACCEPT}}},
    /* The bridge may route 127.0.0.0/8 (see bridge.c) for what the host itself sends, never for
     * what comes in by it: the guard of each pair has dropped that already, but a device of
     * somebody else's in the bridge has none. */
    {"input", {{STEP_TO_LOOPBACK}, FROM_US, {STEP_DROP}}},
    {"input", {{STEP_FROM_LOOPBACK}, FROM_US, {STEP_DROP}}},
    /* A network's gateway serves that network alone. */
    {"input",
     {FROM_US,
      {STEP_TO_ADDRESS},
      {STEP_IN_SET, "gateways"},
      {STEP_TO_ANOTHER_DEVICE},
      {STEP_DROP}}},
    {"input",
     {FROM_US,
      {STEP_TO_ADDRESS_IPV6},
      {STEP_IN_SET, "gateways6"},
      {STEP_TO_ANOTHER_DEVICE},
      {STEP_DROP}}},
    /* An internal network asks its gateway for names and where it is; the host may call into it. */
    {"input",
     {FROM_INTERNAL, {STEP_PORT}, {STEP_IN_SET, "services"}, {STEP_TO_THIS_DEVICE}, {STEP_ACCEPT}}},
    {"input", {FROM_INTERNAL, {STEP_ICMPV6}, {STEP_ACCEPT}}},
    {"input", {FROM_INTERNAL, {STEP_DROP}}},
    /* Into a container: neighbours on its own bridge, answers, published ports; nothing else. */
    {"forward", {{STEP_IN_AND_OUT}, {STEP_IN_SET, "same"}, {STEP_ACCEPT}}},
    {"forward", {FROM_INTERNAL, {STEP_DROP}}},
    {"forward", {TO_US, {STEP_ESTABLISHED}, {STEP_ACCEPT}}},
    {"forward", {TO_US, {STEP_REDIRECTED}, {STEP_ACCEPT}}},
    {"forward", {TO_US, {STEP_DROP}}},
};
const size_t table_rule_count = ARRAY_SIZE(table_rules);

const struct chain_row table_inside_chain = {"output", "nat", NF_INET_LOCAL_OUT, NF_IP_PRI_NAT_DST};
const struct rule_row table_inside_rule = {
    "output", {{STEP_IPV4}, {STEP_PORT_AT}, {STEP_REDIRECT, "ports_at"}}};
