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
#include <string.h>

#include "net/kernel/table_rows.h"

#define NFT_HOST_ENDIAN 1       /* nft's BYTEORDER_HOST_ENDIAN */
#define ELEMENTS_PER_MESSAGE 64 /* of at most 120 bytes each, in BATCH_MESSAGE_ROOM */
#define DNS_PORT 53

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
    if (row->key_type == TABLE_TYPE_DEVICE &&
        nftnl_udata_put_u32(u, NFTNL_UDATA_SET_KEYBYTEORDER, NFT_HOST_ENDIAN)) {
        nftnl_set_set_data(s, NFTNL_SET_USERDATA, nftnl_udata_buf_data(u), nftnl_udata_buf_len(u));
    }
    nftnl_udata_buf_free(u);
}

static void add_set(struct batch *b, const char *table, uint32_t id)
{
    const struct set_row *row = &table_sets[id];
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

/* One device's name, or two. */
static void put_devices(struct nftnl_set *elements, uint32_t set, const char *in, const char *out)
{
    char key[2 * TABLE_DEVICE_BYTES] = {0};
    (void)stpncpy(key, in, TABLE_DEVICE_BYTES);
    (void)stpncpy(key + TABLE_DEVICE_BYTES, out, TABLE_DEVICE_BYTES);
    put_element(elements, key, table_sets[set].key_len, NULL, 0);
}

/* Is the bridge in this set? */
static bool bridge_belongs(const struct net_network *n, uint32_t set)
{
    switch (set) {
    case SET_SAME:
        return n->mutual;
    case SET_HIDDEN:
        return n->hidden[NET_IPV4] && !n->internal && net_network_has(n, NET_IPV4);
    case SET_HIDDEN_IPV6:
        return n->hidden[NET_IPV6] && !n->internal && net_network_has(n, NET_IPV6);
    case SET_INTERNAL:
        return n->internal;
    case SET_GATEWAYS:
        return net_network_has(n, NET_IPV4);
    case SET_GATEWAYS_IPV6:
        return net_network_has(n, NET_IPV6);
    default:
        return true;
    }
}

/* The bridge's elements of one of the sets. */
static void put_bridge(struct nftnl_set *elements, const struct net_network *n, uint32_t set)
{
    if (set == SET_GATEWAYS || set == SET_GATEWAYS_IPV6) {
        const struct net_address *a = &n->pools[set == SET_GATEWAYS ? NET_IPV4 : NET_IPV6].gateway;
        put_element(elements, a->bytes, table_sets[set].key_len, NULL, 0);
        return;
    }
    put_devices(elements, set, n->device, n->device);
    if (set == SET_LOOPS) {
        /* What the host itself sends has no device it came in by; nor has, behind the bridge's own
         * filter (br_netfilter), what a container sends. */
        put_devices(elements, set, "", n->device);
    }
}

static void add_bridge(struct batch *b, uint16_t type, const char *table,
                       const struct net_network *n)
{
    for (uint32_t set = SET_BRIDGES; set <= SET_GATEWAYS_IPV6; set++) {
        if (net_network_is_bridge(n) && bridge_belongs(n, set)) {
            struct nftnl_set *elements = set_named(table, table_sets[set].name);
            put_bridge(elements, n, set);
            write_elements(b, type, elements, "adding the bridge to the firewall");
        }
    }
}

/* What internal networks may ask of their gateway: names. */
static void add_services(struct batch *b, const char *table)
{
    static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_UDP};
    struct nftnl_set *elements = set_named(table, table_sets[SET_SERVICES].name);
    for (size_t i = 0; i < ARRAY_SIZE(protocols); i++) {
        unsigned char key[8] = {protocols[i], 0, 0, 0, 0, DNS_PORT};
        put_element(elements, key, sizeof(key), NULL, 0);
    }
    write_elements(b, NFT_MSG_NEWSETELEM, elements, "making the firewall's sets");
}

/* Keys and values as the rules load them into registers: words of four bytes, in network order. */
struct port_element {
    uint32_t set;
    unsigned char key[24], data[20];
};

static uint8_t protocol_number(const char *name)
{
    return str_equal(name, "udp")    ? IPPROTO_UDP
           : str_equal(name, "sctp") ? IPPROTO_SCTP
                                     : IPPROTO_TCP;
}

/* False: nothing that leads out has an address of this family any more. */
static bool port_element(const struct net_attachment *a, const json_t *port,
                         struct port_element *ret)
{
    struct net_address at = {.family = AF_INET};
    const char *text = json_string_value(json_object_get(port, "address"));
    uint16_t host = htons((uint16_t)json_integer_value(json_object_get(port, "host")));
    uint16_t inner = htons((uint16_t)json_integer_value(json_object_get(port, "container")));
    IGNORE(text && net_address_parse(text, &at) < 0); /* checked when reserved */
    bool ipv6 = at.family == AF_INET6, any = net_address_is_any(&at);
    const struct net_endpoint *e = net_attachment_entry(a, ipv6 ? NET_IPV6 : NET_IPV4);
    if (!e) {
        return false;
    }
    size_t len = net_address_len(&at);
    *ret = (struct port_element){.set = any ? MAP_PORTS : MAP_PORTS_AT};
    ret->set += ipv6 ? MAP_PORTS_IPV6 - MAP_PORTS : 0;
    ret->key[0] = protocol_number(json_string_value(json_object_get(port, "proto")));
    memcpy(ret->key + 4, at.bytes, any ? 0 : len);
    memcpy(ret->key + 4 + (any ? 0 : len), &host, sizeof(host));
    memcpy(ret->data, e->addresses[ipv6 ? NET_IPV6 : NET_IPV4].bytes, len);
    memcpy(ret->data + len, &inner, sizeof(inner));
    return true;
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
        struct port_element e;
        if (!port_element(record->attachment, port, &e) || e.set != set) {
            continue;
        }
        if (!elements) {
            elements = set_named(record->table, table_sets[set].name);
        }
        put_element(elements, e.key, table_sets[set].key_len,
                    type == NFT_MSG_NEWSETELEM ? e.data : NULL, table_sets[set].data_len);
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
    for (uint32_t set = MAP_PORTS; set <= MAP_PORTS_AT_IPV6; set++) {
        add_port_map(b, type, record, set, what);
    }
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

int table_make(struct netlink *nf, const char *table, struct net_record *const *records,
               size_t count, struct error **err)
{
    CLEANUP(batch) struct batch b = {0};
    static const char what[] = "making the firewall's table";
    batch_begin(&b, true);
    /* Added first, so that the removal of a table that may be there cannot fail. */
    add_table(&b, NFT_MSG_NEWTABLE, NLM_F_CREATE, table, what, 0);
    add_table(&b, NFT_MSG_DELTABLE, 0, table, what, 0);
    add_table(&b, NFT_MSG_NEWTABLE, NLM_F_CREATE, table, what, 0);
    for (uint32_t i = 0; i < SET_COUNT; i++) {
        add_set(&b, table, i);
    }
    for (size_t i = 0; i < table_chain_count; i++) {
        add_chain(&b, table, &table_chains[i]);
    }
    for (size_t i = 0; i < table_rule_count; i++) {
        add_rule(&b, table, &table_rules[i]);
    }
    add_services(&b, table);
    for (size_t i = 0; i < count; i++) {
        for (size_t n = 0; n < records[i]->attachment->count; n++) {
            add_bridge(&b, NFT_MSG_NEWSETELEM, table, records[i]->attachment->endpoints[n].network);
        }
        add_ports(&b, NFT_MSG_NEWSETELEM, records[i], "publishing the ports");
    }
    return hint_unsupported(batch_run(nf, &b, NULL, NULL, err), err);
}

int table_add_bridge(struct netlink *nf, const char *table, const struct net_network *n,
                     struct error **err)
{
    CLEANUP(batch) struct batch b = {0};
    batch_begin(&b, true);
    add_bridge(&b, NFT_MSG_NEWSETELEM, table, n);
    return batch_run(nf, &b, NULL, NULL, err);
}

/* Set by set, since a missing element fails the transaction it is in. */
int table_remove_bridge(struct netlink *nf, const char *table, const struct net_network *n,
                        struct error **err)
{
    for (uint32_t set = SET_BRIDGES; set <= SET_GATEWAYS_IPV6; set++) {
        CLEANUP(batch) struct batch b = {0};
        CLEANUP(error) struct error *e = NULL;
        if (!bridge_belongs(n, set)) {
            continue;
        }
        struct nftnl_set *elements = set_named(table, table_sets[set].name);
        put_bridge(elements, n, set);
        batch_begin(&b, true);
        write_elements(&b, NFT_MSG_DELSETELEM, elements, "taking the bridge out of the firewall");
        int r = batch_run(nf, &b, NULL, NULL, &e);
        if (r < 0 && r != -ENOENT) {
            return error_move(err, &e, r);
        }
    }
    return 0;
}

/* How often a chain is used when the table is whole: by its rules, and by jumps to it. */
static uint32_t expected_use(const char *chain)
{
    uint32_t use = 0;
    for (size_t i = 0; i < table_rule_count; i++) {
        use += str_equal(table_rules[i].chain, chain);
        for (const struct rule_step *s = table_rules[i].steps; s->kind != STEP_END; s++) {
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

bool table_ready(struct netlink *nf, const char *table, const struct net_attachment *a)
{
    CLEANUP(batch) struct batch b = {0};
    size_t whole = 0;
    batch_begin(&b, false);
    for (size_t i = 0; i < table_chain_count; i++) {
        struct nftnl_chain *c = chain_named(table, table_chains[i].name);
        nftnl_chain_nlmsg_build_payload(add_message(&b, NFT_MSG_GETCHAIN, 0, "", 0), c);
        nftnl_chain_free(c);
    }
    for (size_t i = 0; a && i < a->count; i++) {
        add_bridge(&b, NFT_MSG_GETSETELEM, table, a->endpoints[i].network);
    }
    return batch_run(nf, &b, count_chain, &whole, NULL) >= 0 && whole == table_chain_count;
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
        struct port_element e;
        if (!port_element(record->attachment, port, &e)) {
            continue;
        }
        struct nftnl_set *elements = set_named(record->table, table_sets[e.set].name);
        put_element(elements, e.key, table_sets[e.set].key_len, NULL, 0);
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

void table_put_withdrawal(struct batch *ret, const struct net_record *record)
{
    batch_begin(ret, true);
    add_ports(ret, NFT_MSG_DELSETELEM, record, "withdrawing the ports");
}

int table_remove_ports(struct netlink *nf, const struct net_record *record, struct error **err)
{
    CLEANUP(batch) struct batch b = {0};
    CLEANUP(error) struct error *e = NULL;
    table_put_withdrawal(&b, record);
    int r = batch_run(nf, &b, NULL, NULL, &e);
    if (r == -ENOENT) {
        return remove_each_port(nf, record, err);
    }
    return r < 0 && r != -EOPNOTSUPP /* no nf_tables: nothing was published */
               ? error_move(err, &e, r)
               : 0;
}

int table_remove(struct netlink *nf, const char *table, struct error **err)
{
    CLEANUP(batch) struct batch b = {0};
    batch_begin(&b, true);
    add_table(&b, NFT_MSG_DELTABLE, 0, table, "removing the firewall's table", ENOENT);
    return batch_run(nf, &b, NULL, NULL, err);
}

/* One element of the map: 127.0.0.11, port 53 of this protocol, to the port where we listen. */
static void put_inside(struct nftnl_set *elements, uint8_t protocol, uint16_t port)
{
    struct net_address at = {0};
    struct port_element e = {.set = MAP_PORTS_AT, .key[0] = protocol, .key[9] = DNS_PORT};
    uint16_t to = htons(port);
    IGNORE(net_address_parse(NET_NAMES_INSIDE, &at)); /* a constant */
    memcpy(e.key + 4, at.bytes, 4);
    memcpy(e.data, at.bytes, 4);
    memcpy(e.data + 4, &to, sizeof(to));
    put_element(elements, e.key, table_sets[e.set].key_len, e.data, table_sets[e.set].data_len);
}

int table_make_inside(struct netlink *nf, const char *table, uint16_t udp_port, uint16_t tcp_port,
                      struct error **err)
{
    CLEANUP(batch) struct batch b = {0};
    static const char what[] = "making the firewall's table of the container";
    int r = table_remove(nf, table, err); /* of an earlier time in the same namespace */
    batch_begin(&b, true);
    add_table(&b, NFT_MSG_NEWTABLE, NLM_F_CREATE, table, what, 0);
    add_set(&b, table, MAP_PORTS_AT);
    add_chain(&b, table, &table_inside_chain);
    add_rule(&b, table, &table_inside_rule);
    struct nftnl_set *elements = set_named(table, table_sets[MAP_PORTS_AT].name);
    put_inside(elements, IPPROTO_UDP, udp_port);
    put_inside(elements, IPPROTO_TCP, tcp_port);
    write_elements(&b, NFT_MSG_NEWSETELEM, elements, what);
    return r < 0 ? r : hint_unsupported(batch_run(nf, &b, NULL, NULL, err), err);
}
