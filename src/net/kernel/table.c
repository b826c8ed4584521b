// SPDX-License-Identifier: Apache-2.0
#include "net/kernel/table.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <libnftnl/chain.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter_ipv4.h>
#include <string.h>

#include "net/kernel/rule.h"

/* nft's numbers for types of keys (nft's datatype.h), for those who list the table: the kernel only
 * stores them. A concatenation is six bits each. */
#define TYPE_ADDRESS 7
#define TYPE_PROTO 12
#define TYPE_PORT 13
#define TYPE_DEVICE 41
#define NFT_HOST_ENDIAN 1 /* nft's BYTEORDER_HOST_ENDIAN */
#define CONCAT2(a, b) ((a) << 6 | (b))
#define CONCAT3(a, b, c) (CONCAT2(a, b) << 6 | (c))

#define DEVICE_BYTES 16
#define ELEMENTS_PER_MESSAGE 64 /* of at most 100 bytes each, in BATCH_MESSAGE_ROOM */

enum { SET_BRIDGES, SET_SAME, SET_LOOPS, MAP_PORTS, MAP_PORTS_AT };
static const struct set_row {
    const char *name;
    uint32_t key_type, key_len, data_type, data_len;
} set_rows[] = {
    [SET_BRIDGES] = {"bridges", TYPE_DEVICE, DEVICE_BYTES, 0, 0},
    [SET_SAME] = {"same", CONCAT2(TYPE_DEVICE, TYPE_DEVICE), 2 * DEVICE_BYTES, 0, 0},
    [SET_LOOPS] = {"loops", CONCAT2(TYPE_DEVICE, TYPE_DEVICE), 2 * DEVICE_BYTES, 0, 0},
    [MAP_PORTS] = {"ports", CONCAT2(TYPE_PROTO, TYPE_PORT), 8, CONCAT2(TYPE_ADDRESS, TYPE_PORT), 8},
    [MAP_PORTS_AT] = {"ports_at", CONCAT3(TYPE_PROTO, TYPE_ADDRESS, TYPE_PORT), 12,
                      CONCAT2(TYPE_ADDRESS, TYPE_PORT), 8},
};

static const struct chain_row {
    const char *name, *type; /* type NULL: only jumped to */
    uint32_t hook;
    int32_t priority;
} chain_rows[] = {
    {"guard", "filter", NF_INET_PRE_ROUTING, NF_IP_PRI_RAW},
    {"publish", NULL, 0, 0},
    {"prerouting", "nat", NF_INET_PRE_ROUTING, NF_IP_PRI_NAT_DST},
    {"output", "nat", NF_INET_LOCAL_OUT, NF_IP_PRI_NAT_DST},
    {"postrouting", "nat", NF_INET_POST_ROUTING, NF_IP_PRI_NAT_SRC},
    {"forward", "filter", NF_INET_FORWARD, NF_IP_PRI_FILTER},
};

static const struct rule_row rule_rows[] = {
    /* The bridge may route 127.0.0.0/8 (see link.c) for what the host itself sends, never for what
     * a container sends. */
    {"guard", {{STEP_IN_DEVICE}, {STEP_IN_SET, "bridges"}, {STEP_TO_LOOPBACK}, {STEP_DROP}}},
    {"guard", {{STEP_IN_DEVICE}, {STEP_IN_SET, "bridges"}, {STEP_FROM_LOOPBACK}, {STEP_DROP}}},
    /* A port published on one address of the host comes before one published on all. */
    {"publish", {{STEP_IPV4}, {STEP_PORT_AT}, {STEP_REDIRECT, "ports_at"}}},
    {"publish", {{STEP_IPV4}, {STEP_PORT}, {STEP_REDIRECT, "ports"}}},
    /* Published on 127.0.0.1 means: for this host alone, whatever a neighbour writes in a packet.
     */
    {"prerouting", {{STEP_TO_LOOPBACK}, {STEP_RETURN}}},
    {"prerouting", {{STEP_TO_THIS_HOST}, {STEP_JUMP, "publish"}}},
    {"output", {{STEP_TO_THIS_HOST}, {STEP_JUMP, "publish"}}},
    /* Answers must come back through the host when the question came from the host, its loopback
     * device too, or from a container on the same bridge. */
    {"postrouting",
     {{STEP_IN_AND_OUT}, {STEP_IN_SET, "loops"}, {STEP_REDIRECTED}, {STEP_MASQUERADE}}},
    {"postrouting",
     {{STEP_IPV4},
      {STEP_IN_DEVICE},
      {STEP_IN_SET, "bridges"},
      {STEP_OUT_DEVICE},
      {STEP_NOT_IN_SET, "bridges"},
      {STEP_MASQUERADE}}},
    /* Into a container: answers, published ports, neighbours on its own bridge; nothing else. */
    {"forward", {{STEP_OUT_DEVICE}, {STEP_IN_SET, "bridges"}, {STEP_ESTABLISHED}, {STEP_ACCEPT}}},
    {"forward", {{STEP_OUT_DEVICE}, {STEP_IN_SET, "bridges"}, {STEP_REDIRECTED}, {STEP_ACCEPT}}},
    {"forward", {{STEP_IN_AND_OUT}, {STEP_IN_SET, "same"}, {STEP_ACCEPT}}},
    {"forward", {{STEP_OUT_DEVICE}, {STEP_IN_SET, "bridges"}, {STEP_DROP}}},
};

/* A message of nf_tables: libnftnl puts the family behind the header. */
static struct nlmsghdr *add_message(struct batch *b, uint16_t type, uint16_t flags,
                                    const char *what, int tolerated)
{
    uint16_t full = (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type);
    struct nlmsghdr *m = batch_add(b, full, flags, what, tolerated);
    struct nfgenmsg *g = mnl_nlmsg_put_extra_header(m, sizeof(*g));
    g->nfgen_family = NFPROTO_INET;
    g->version = NFNETLINK_V0;
    return m;
}

static void add_table(struct batch *b, uint16_t type, uint16_t flags, const char *table,
                      const char *what, int tolerated)
{
    struct nftnl_table *t = nftnl_table_alloc();
    assert(t);
    nftnl_table_set_str(t, NFTNL_TABLE_NAME, table);
    nftnl_table_nlmsg_build_payload(add_message(b, type, flags, what, tolerated), t);
    nftnl_table_free(t);
}

static struct nftnl_chain *chain_named(const char *table, const char *name)
{
    struct nftnl_chain *c = nftnl_chain_alloc();
    assert(c);
    nftnl_chain_set_str(c, NFTNL_CHAIN_TABLE, table);
    nftnl_chain_set_str(c, NFTNL_CHAIN_NAME, name);
    return c;
}

static void add_chain(struct batch *b, const char *table, const struct chain_row *row)
{
    struct nftnl_chain *c = chain_named(table, row->name);
    if (row->type) {
        nftnl_chain_set_str(c, NFTNL_CHAIN_TYPE, row->type);
        nftnl_chain_set_u32(c, NFTNL_CHAIN_HOOKNUM, row->hook);
        nftnl_chain_set_s32(c, NFTNL_CHAIN_PRIO, row->priority);
        nftnl_chain_set_u32(c, NFTNL_CHAIN_POLICY, NF_ACCEPT);
    }
    nftnl_chain_nlmsg_build_payload(
        add_message(b, NFT_MSG_NEWCHAIN, NLM_F_CREATE, "making the firewall's chains", 0), c);
    nftnl_chain_free(c);
}

static struct nftnl_set *set_named(const char *table, const char *name)
{
    struct nftnl_set *s = nftnl_set_alloc();
    assert(s);
    nftnl_set_set_str(s, NFTNL_SET_TABLE, table);
    nftnl_set_set_str(s, NFTNL_SET_NAME, name);
    return s;
}

/* For those who list the table, again: without it nft prints a device's name as nothing. */
static void put_byte_order(struct nftnl_set *s, const struct set_row *row)
{
    struct nftnl_udata_buf *u = nftnl_udata_buf_alloc(NFT_USERDATA_MAXLEN);
    assert(u);
    if (row->key_type == TYPE_DEVICE &&
        nftnl_udata_put_u32(u, NFTNL_UDATA_SET_KEYBYTEORDER, NFT_HOST_ENDIAN)) {
        nftnl_set_set_data(s, NFTNL_SET_USERDATA, nftnl_udata_buf_data(u), nftnl_udata_buf_len(u));
    }
    nftnl_udata_buf_free(u);
}

static void add_set(struct batch *b, const char *table, uint32_t id)
{
    const struct set_row *row = &set_rows[id];
    struct nftnl_set *s = set_named(table, row->name);
    nftnl_set_set_u32(s, NFTNL_SET_ID, id + 1);
    nftnl_set_set_u32(s, NFTNL_SET_FLAGS, row->data_len ? NFT_SET_MAP : 0);
    nftnl_set_set_u32(s, NFTNL_SET_KEY_TYPE, row->key_type);
    nftnl_set_set_u32(s, NFTNL_SET_KEY_LEN, row->key_len);
    if (row->data_len) {
        nftnl_set_set_u32(s, NFTNL_SET_DATA_TYPE, row->data_type);
        nftnl_set_set_u32(s, NFTNL_SET_DATA_LEN, row->data_len);
    }
    put_byte_order(s, row);
    nftnl_set_nlmsg_build_payload(
        add_message(b, NFT_MSG_NEWSET, NLM_F_CREATE, "making the firewall's maps", 0), s);
    nftnl_set_free(s);
}

static void add_rule(struct batch *b, const char *table, const struct rule_row *row)
{
    struct nftnl_rule *r = rule_build(row, table);
    nftnl_rule_nlmsg_build_payload(add_message(b, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND,
                                               "making the firewall's rules", 0),
                                   r);
    nftnl_rule_free(r);
}

/* One element of a set (no data) or map, gathered in the set until it is written. */
static void put_element(struct nftnl_set *s, const void *key, uint32_t key_len, const void *data,
                        uint32_t data_len)
{
    struct nftnl_set_elem *e = nftnl_set_elem_alloc();
    assert(e);
    nftnl_set_elem_set(e, NFTNL_SET_ELEM_KEY, key, key_len);
    if (data) {
        nftnl_set_elem_set(e, NFTNL_SET_ELEM_DATA, data, data_len);
    }
    nftnl_set_elem_add(s, e);
}

static void write_elements(struct batch *b, uint16_t type, struct nftnl_set *s, const char *what)
{
    nftnl_set_elems_nlmsg_build_payload(
        add_message(b, type, type == NFT_MSG_NEWSETELEM ? NLM_F_CREATE : 0, what, 0), s);
    nftnl_set_free(s);
}

/* The pair of devices, or the second alone where the set is of single ones. */
static void put_devices(struct nftnl_set *elements, uint32_t set, const char *in, const char *out)
{
    char key[2 * DEVICE_BYTES] = {0};
    char *second = set == SET_BRIDGES ? key : key + DEVICE_BYTES;
    (void)stpncpy(key, in, DEVICE_BYTES);
    (void)stpncpy(second, out, DEVICE_BYTES);
    put_element(elements, key, set_rows[set].key_len, NULL, 0);
}

/* The bridge's elements of one of the sets. */
static void add_bridge(struct batch *b, uint16_t type, const struct net_settings *s, uint32_t set)
{
    struct nftnl_set *elements = set_named(s->table, set_rows[set].name);
    put_devices(elements, set, s->bridge, s->bridge);
    if (set == SET_LOOPS) {
        /* What the host itself sends has no device it came in by; nor has, behind the bridge's own
         * filter (br_netfilter), what a container sends. */
        put_devices(elements, set, "", s->bridge);
    }
    write_elements(b, type, elements, "adding the bridge to the firewall");
}

/* Keys and values as the rules load them into registers: four bytes each, in network order. */
struct port_element {
    uint32_t set;
    unsigned char key[12], data[8];
};

static uint8_t protocol_number(const char *name)
{
    return str_equal(name, "udp")    ? IPPROTO_UDP
           : str_equal(name, "sctp") ? IPPROTO_SCTP
                                     : IPPROTO_TCP;
}

static struct port_element port_element(const struct net_attachment *a, const json_t *port)
{
    struct port_element e = {0};
    const char *at = json_string_value(json_object_get(port, "address"));
    uint16_t host = htons((uint16_t)json_integer_value(json_object_get(port, "host")));
    uint16_t inner = htons((uint16_t)json_integer_value(json_object_get(port, "container")));
    struct in_addr here = {0}, there = {0};
    (void)inet_pton(AF_INET, str_or(at, ""), &here);          /* 0.0.0.0 when there is none */
    (void)inet_pton(AF_INET, str_or(a->address, ""), &there); /* checked when reserved */
    e.set = here.s_addr ? MAP_PORTS_AT : MAP_PORTS;
    e.key[0] = protocol_number(json_string_value(json_object_get(port, "proto")));
    memcpy(e.key + 4, &here, here.s_addr ? sizeof(here) : 0);
    memcpy(e.key + (here.s_addr ? 8 : 4), &host, sizeof(host));
    memcpy(e.data, &there, sizeof(there));
    memcpy(e.data + 4, &inner, sizeof(inner));
    return e;
}

/* All ports of the attachment that belong into this map. */
static void add_port_map(struct batch *b, uint16_t type, const struct net_record *record,
                         uint32_t set, const char *what)
{
    struct nftnl_set *elements = NULL;
    size_t i, count = 0;
    json_t *port;
    json_array_foreach(record->attachment->ports, i, port)
    {
        struct port_element e = port_element(record->attachment, port);
        if (e.set != set) {
            continue;
        }
        if (!elements) {
            elements = set_named(record->settings.table, set_rows[set].name);
        }
        put_element(elements, e.key, set_rows[set].key_len,
                    type == NFT_MSG_NEWSETELEM ? e.data : NULL, sizeof(e.data));
        if (++count % ELEMENTS_PER_MESSAGE == 0) {
            write_elements(b, type, elements, what);
            elements = NULL;
        }
    }
    if (elements) {
        write_elements(b, type, elements, what);
    }
}

static void add_ports(struct batch *b, uint16_t type, const struct net_record *record,
                      const char *what)
{
    add_port_map(b, type, record, MAP_PORTS, what);
    add_port_map(b, type, record, MAP_PORTS_AT, what);
}

static int hint_unsupported(int r, struct error **err)
{
    if (r == -EOPNOTSUPP || r == -EPROTONOSUPPORT || r == -EINVAL) {
        return error_hint(err, r,
                          "publishing and masquerading need nf_tables with nat, fib and ct "
                          "(CONFIG_NF_TABLES_INET, CONFIG_NFT_NAT, CONFIG_NFT_MASQ, "
                          "CONFIG_NFT_FIB_INET, CONFIG_NFT_CT)");
    }
    return r;
}

int table_make(struct netlink *nf, const struct net_settings *s, struct net_record *const *records,
               size_t count, struct error **err)
{
    CLEANUP(batch) struct batch b = {0};
    static const char what[] = "making the firewall's table";
    batch_begin(&b, true);
    /* Added first, so that the removal of a table that may be there cannot fail. */
    add_table(&b, NFT_MSG_NEWTABLE, NLM_F_CREATE, s->table, what, 0);
    add_table(&b, NFT_MSG_DELTABLE, 0, s->table, what, 0);
    add_table(&b, NFT_MSG_NEWTABLE, NLM_F_CREATE, s->table, what, 0);
    for (uint32_t i = 0; i < ARRAY_SIZE(set_rows); i++) {
        add_set(&b, s->table, i);
    }
    for (size_t i = 0; i < ARRAY_SIZE(chain_rows); i++) {
        add_chain(&b, s->table, &chain_rows[i]);
    }
    for (size_t i = 0; i < ARRAY_SIZE(rule_rows); i++) {
        add_rule(&b, s->table, &rule_rows[i]);
    }
    for (uint32_t set = SET_BRIDGES; set <= SET_LOOPS; set++) {
        add_bridge(&b, NFT_MSG_NEWSETELEM, s, set);
    }
    for (size_t i = 0; i < count; i++) {
        add_ports(&b, NFT_MSG_NEWSETELEM, records[i], "publishing the ports");
    }
    return hint_unsupported(batch_run(nf, &b, NULL, NULL, err), err);
}

/* How often a chain is used when the table is whole: by its rules, and by jumps to it. */
static uint32_t expected_use(const char *chain)
{
    uint32_t use = 0;
    for (size_t i = 0; i < ARRAY_SIZE(rule_rows); i++) {
        use += str_equal(rule_rows[i].chain, chain);
        for (const struct rule_step *s = rule_rows[i].steps; s->kind != STEP_END; s++) {
            use += s->kind == STEP_JUMP && str_equal(s->argument, chain);
        }
    }
    return use;
}

static void count_chain(const struct nlmsghdr *m, void *context)
{
    if ((m->nlmsg_type & 0xff) != NFT_MSG_NEWCHAIN) {
        return;
    }
    struct nftnl_chain *c = nftnl_chain_alloc();
    assert(c);
    if (nftnl_chain_nlmsg_parse(m, c) >= 0) {
        const char *name = nftnl_chain_get_str(c, NFTNL_CHAIN_NAME);
        *(size_t *)context += name && nftnl_chain_get_u32(c, NFTNL_CHAIN_USE) == expected_use(name);
    }
    nftnl_chain_free(c);
}

bool table_ready(struct netlink *nf, const struct net_settings *s)
{
    CLEANUP(batch) struct batch b = {0};
    size_t whole = 0;
    batch_begin(&b, false);
    for (size_t i = 0; i < ARRAY_SIZE(chain_rows); i++) {
        struct nftnl_chain *c = chain_named(s->table, chain_rows[i].name);
        nftnl_chain_nlmsg_build_payload(add_message(&b, NFT_MSG_GETCHAIN, 0, "", 0), c);
        nftnl_chain_free(c);
    }
    for (uint32_t set = SET_BRIDGES; set <= SET_LOOPS; set++) {
        add_bridge(&b, NFT_MSG_GETSETELEM, s, set);
    }
    return batch_run(nf, &b, count_chain, &whole, NULL) >= 0 && whole == ARRAY_SIZE(chain_rows);
}

int table_add_ports(struct netlink *nf, const struct net_record *record, struct error **err)
{
    CLEANUP(batch) struct batch b = {0};
    batch_begin(&b, true);
    add_ports(&b, NFT_MSG_NEWSETELEM, record, "publishing the ports");
    return batch_run(nf, &b, NULL, NULL, err);
}

/* One by one, since a missing element fails the transaction it is in. */
static int remove_each_port(struct netlink *nf, const struct net_record *record, struct error **err)
{
    size_t i;
    json_t *port;
    json_array_foreach(record->attachment->ports, i, port)
    {
        CLEANUP(batch) struct batch b = {0};
        struct port_element e = port_element(record->attachment, port);
        struct nftnl_set *elements = set_named(record->settings.table, set_rows[e.set].name);
        put_element(elements, e.key, set_rows[e.set].key_len, NULL, 0);
        batch_begin(&b, true);
        write_elements(&b, NFT_MSG_DELSETELEM, elements, "withdrawing a port");
        CLEANUP(error) struct error *e2 = NULL;
        int r = batch_run(nf, &b, NULL, NULL, &e2);
        if (r < 0 && r != -ENOENT) {
            return error_move(err, &e2, r);
        }
    }
    return 0;
}

int table_remove_ports(struct netlink *nf, const struct net_record *record, struct error **err)
{
    CLEANUP(batch) struct batch b = {0};
    CLEANUP(error) struct error *e = NULL;
    batch_begin(&b, true);
    add_ports(&b, NFT_MSG_DELSETELEM, record, "withdrawing the ports");
    int r = batch_run(nf, &b, NULL, NULL, &e);
    return r == -ENOENT ? remove_each_port(nf, record, err) : r < 0 ? error_move(err, &e, r) : 0;
}

int table_remove(struct netlink *nf, const struct net_settings *s, struct error **err)
{
    CLEANUP(batch) struct batch b = {0};
    batch_begin(&b, true);
    add_table(&b, NFT_MSG_DELTABLE, 0, s->table, "removing the firewall's table", ENOENT);
    return batch_run(nf, &b, NULL, NULL, err);
}
