// SPDX-License-Identifier: Apache-2.0
/* The bridge, the pair and the table in a network namespace of the test's own: nothing of the host
 * is touched. Needs root. */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>

#include "base/file.h"
#include "base/json.h"
#include "base/test.h"
#include "net/kernel/bridge.h"
#include "net/kernel/guard.h"
#include "net/kernel/link.h"
#include "net/kernel/shape.h"
#include "net/kernel/table.h"

static const char table[] = "cloison_test";

/* Both families; freed at the end of the process. */
static struct net_network *network(const char *device, const char *subnet, const char *subnet6)
{
    struct net_network *n = xcalloc(1, sizeof(*n));
    n->name = xstrdup("test");
    n->id = xstrdup("0123");
    n->driver = xstrdup("bridge");
    (void)stpcpy(n->device, device);
    n->hidden[NET_IPV4] = n->hidden[NET_IPV6] = n->mutual = true;
    const char *const subnets[] = {subnet, subnet6};
    for (int f = 0; f < NET_FAMILIES; f++) {
        CHECK_INT(net_subnet_parse(subnets[f], &n->pools[f].subnet), 0);
        n->pools[f].gateway = net_subnet_at(&n->pools[f].subnet, 1);
    }
    return n;
}

static struct net_network *first_network(void)
{
    static struct net_network *n;
    n = n ? n : network("cltest0", "10.255.255.0/24", "fd77:1::/64");
    return n;
}

struct world { /* one namespace as the host's */
    struct netlink route, nf;
};

static void world_cleanup(struct world *w)
{
    netlink_close(&w->route);
    netlink_close(&w->nf);
}

static void enter(struct world *w)
{
    CLEANUP(error) struct error *err = NULL;
    if (unshare(CLONE_NEWNET) < 0) {
        SKIP("needs root: a network namespace cannot be made");
    }
    CHECK_OK(netlink_open(NETLINK_ROUTE, &w->route, &err), err);
    if (netlink_open(NETLINK_NETFILTER, &w->nf, &err) < 0) {
        SKIP("this kernel has no nf_tables");
    }
}

static struct net_record record_of(const char *id, int number, json_t *ports)
{
    static struct net_attachment attachments[4];
    static struct net_endpoint ends[4];
    static size_t next;
    size_t i = next++ % ARRAY_SIZE(ends);
    struct net_network *n = first_network();
    ends[i] = (struct net_endpoint){.network = n,
                                    .interface = (char *)"eth0",
                                    .host_interface = (char *)"vethtest",
                                    .mac_address = (char *)"02:42:0a:ff:ff:02"};
    for (int f = 0; f < NET_FAMILIES; f++) {
        ends[i].addresses[f] = net_subnet_at(&n->pools[f].subnet, (uint64_t)number);
    }
    attachments[i] = (struct net_attachment){.endpoints = &ends[i], .count = 1, .ports = ports};
    return (struct net_record){
        .id = (char *)id, .table = "cloison_test", .attachment = &attachments[i]};
}

static json_t *ports(int first, int count, const char *address)
{
    json_t *list = json_array();
    for (int i = 0; i < count; i++) {
        (void)json_array_append_new(list, json_pack("{sssisiss}", "proto", i % 2 ? "udp" : "tcp",
                                                    "container", 80, "host", first + i, "address",
                                                    address));
    }
    return list;
}

static void test_kernel_table(void)
{
    CLEANUP(error) struct error *err = NULL;
    CLEANUP(world) struct world w = {0};
    CLEANUP(json) json_t *many = ports(2000, 1000, "0.0.0.0");
    CLEANUP(json) json_t *one = ports(80, 1, "127.0.0.1");
    (void)json_array_extend(many, ports(2000, 1000, "::"));
    (void)json_array_extend(one, ports(81, 2, "fd77:1::1"));
    struct net_record a = record_of("a", 2, many);
    struct net_record b = record_of("b", 3, one);
    struct net_record *all[] = {&a};
    enter(&w);
    CHECK(!table_ready(&w.nf, table, a.attachment));
    CHECK_INT(table_add_ports(&w.nf, &b, NULL), -ENOENT);
    CHECK_OK(table_remove_ports(&w.nf, &b, &err), err);
    CHECK_OK(table_make(&w.nf, table, all, 1, &err), err);
    CHECK(table_ready(&w.nf, table, a.attachment));
    CHECK_OK(table_add_ports(&w.nf, &b, &err), err);
    CHECK_OK(table_add_ports(&w.nf, &a, &err), err); /* the same again is no change */
    CHECK_OK(table_remove_ports(&w.nf, &a, &err), err);
    CHECK_OK(table_remove_ports(&w.nf, &a, &err), err);
    CHECK_OK(table_make(&w.nf, table, all, 1, &err), err); /* in place of itself */
    CHECK(table_ready(&w.nf, table, a.attachment));
    CHECK_OK(table_remove(&w.nf, table, &err), err);
    CHECK(!table_ready(&w.nf, table, a.attachment));
    CHECK_OK(table_remove(&w.nf, table, &err), err);
}

/* Another container's element in the way: -EEXIST or -EBUSY, by kernel version. */
static void test_kernel_table_port_in_the_way(void)
{
    CLEANUP(error) struct error *err = NULL;
    CLEANUP(world) struct world w = {0};
    CLEANUP(json) json_t *list = ports(80, 1, "0.0.0.0");
    struct net_record a = record_of("a", 2, list);
    struct net_record b = record_of("b", 3, list);
    struct net_record *all[] = {&a};
    enter(&w);
    CHECK_OK(table_make(&w.nf, table, all, 1, &err), err);
    int r = table_add_ports(&w.nf, &b, NULL);
    CHECK(r == -EEXIST || r == -EBUSY);
}

/* Someone who empties a chain is found out as one who removes the table. */
static void test_kernel_table_flushed(void)
{
    CLEANUP(error) struct error *err = NULL;
    CLEANUP(world) struct world w = {0};
    struct net_record a = record_of("a", 2, NULL);
    enter(&w);
    CHECK_OK(table_make(&w.nf, table, NULL, 0, &err), err);
    CHECK(table_ready(&w.nf, table, NULL));
    CHECK(!table_ready(&w.nf, table, a.attachment)); /* this bridge is not in it */
    CHECK_OK(table_add_bridge(&w.nf, table, first_network(), &err), err);
    CHECK_OK(table_add_bridge(&w.nf, table, first_network(), &err), err);
    CHECK(table_ready(&w.nf, table, a.attachment));
    CHECK_OK(table_remove_bridge(&w.nf, table, first_network(), &err), err);
    CHECK_OK(table_remove_bridge(&w.nf, table, first_network(), &err), err);
    CHECK(!table_ready(&w.nf, table, a.attachment));
    CLEANUP(batch) struct batch b = {0};
    batch_begin(&b, true);
    /* NFT_MSG_DELRULE without a chain: all rules of the table. */
    struct nlmsghdr *m = batch_add(&b, 10 << 8 | 8, 0, "emptying the table", 0);
    unsigned char *header = mnl_nlmsg_put_extra_header(m, 4);
    header[0] = 1; /* NFPROTO_INET */
    mnl_attr_put_strz(m, 1, table);
    CHECK_OK(batch_run(&w.nf, &b, NULL, NULL, &err), err);
    CHECK(!table_ready(&w.nf, table, NULL));
}

static bool has_device(const char *name)
{
    return if_nametoindex(name) != 0;
}

static void test_kernel_bridge(void)
{
    CLEANUP(error) struct error *err = NULL;
    CLEANUP(world) struct world w = {0};
    const struct net_network *n = first_network();
    struct net_network *wider = network("cltest1", "10.255.0.0/16", "fd78::/64");
    enter(&w);
    CHECK(!bridge_ready(&w.route, n));
    CHECK_OK(bridge_make(&w.route, n, &err), err);
    CHECK(bridge_ready(&w.route, n));
    CHECK_OK(bridge_make(&w.route, n, &err), err); /* whole already */
    CHECK_OK(bridge_forwarding_on(&w.route, n, &err), err);
    CHECK(bridge_make(&w.route, wider, &err) < 0);
    CHECK_STR(err->message, "subnet 10.255.0.0/16 overlaps the host's route to 10.255.255.0/24");
    CHECK(!has_device("cltest1"));
    error_free(take_ptr(err));
    struct net_network *other = network("cltest2", "10.254.0.0/16", "fd77:1::/48");
    CHECK(bridge_make(&w.route, other, &err) < 0);
    CHECK_STR(err->message, "subnet fd77:1::/48 overlaps the host's route to fd77:1::/64");
    error_free(take_ptr(err));
    CHECK_OK(bridge_remove(&w.route, n, &err), err);
    CHECK_OK(bridge_remove(&w.route, n, &err), err);
    CHECK(!has_device("cltest0"));
    (void)stpcpy(wider->device, "lo");
    CHECK(bridge_make(&w.route, wider, &err) < 0);
    CHECK_STR(err->message, "'lo' is a network device, but not a bridge");
    net_network_free(wider);
    net_network_free(other);
}

/* Two namespaces: the host's, where the caller is, and a workload's. */
static int make_inside(int *ret_host)
{
    *ret_host = open_file(AT_FDCWD, "/proc/thread-self/ns/net", O_RDONLY, 0, NULL);
    CHECK(unshare(CLONE_NEWNET) == 0);
    int inside = open_file(AT_FDCWD, "/proc/thread-self/ns/net", O_RDONLY, 0, NULL);
    CHECK(setns(*ret_host, CLONE_NEWNET) == 0);
    return inside;
}

static void test_kernel_pair(void)
{
    CLEANUP(error) struct error *err = NULL;
    CLEANUP(world) struct world w = {0};
    struct net_record a = record_of("a", 2, NULL);
    const struct net_attachment *at = a.attachment;
    int host;
    enter(&w);
    CHECK_OK(bridge_make(&w.route, first_network(), &err), err);
    int inside = make_inside(&host);
    CHECK_OK(link_make(&w.route, at->endpoints, 1, inside, &err), err);
    CHECK(has_device("vethtest") && !has_device("eth0"));
    CHECK(link_make(&w.route, at->endpoints, 1, inside, NULL) == -EEXIST);
    struct guards guards = {0};
    CHECK_OK(guards_load(&guards, at->endpoints, 1, &err), err);
    CHECK_OK(guards_attach(&w.route, &guards, at->endpoints, &err), err);
    guards_done(&guards);
    CHECK_OK(link_configure_inside(at, at->endpoints, 1, inside, &err), err);
    CHECK(has_device("eth0")); /* this process is inside now */
    CLEANUP(free) char *routes = NULL;
    CLEANUP(free) char *routes6 = NULL;
    CHECK_OK(file_read(AT_FDCWD, "/proc/thread-self/net/route", 65536, &routes, NULL, &err), err);
    CHECK(strstr(routes, "eth0\t00000000\t01FFFF0A") != NULL);
    CHECK_OK(file_read(AT_FDCWD, "/proc/thread-self/net/ipv6_route", 65536, &routes6, NULL, &err),
             err);
    CHECK(strstr(routes6, "fd770001000000000000000000000001") != NULL);
    CHECK_OK(link_leave_inside(at, at->endpoints, inside, &err), err);
    CHECK(!has_device("eth0"));
    CHECK(setns(host, CLONE_NEWNET) == 0);
    CHECK_OK(link_remove(&w.route, at->endpoints, 1, &err), err);
    CHECK_OK(link_remove(&w.route, at->endpoints, 1, &err), err);
    CHECK(!has_device("vethtest"));
    fd_close(host);
    fd_close(inside);
}

static void test_kernel_shape(void)
{
    CLEANUP(error) struct error *err = NULL;
    CLEANUP(world) struct world w = {0};
    struct net_record a = record_of("a", 2, NULL);
    struct net_attachment *at = a.attachment;
    int host;
    enter(&w);
    CHECK_OK(bridge_make(&w.route, first_network(), &err), err);
    int inside = make_inside(&host);
    CHECK_OK(link_make(&w.route, at->endpoints, 1, inside, &err), err);
    at->rate = (struct net_rate){8000000, 1000000};
    CHECK_OK(shape_apply(&w.route, "0123456789abcdef", at, false, &err), err);
    CHECK(has_device("ifi0123456789") && has_device("ifo0123456789"));
    at->rate = (struct net_rate){16000000000, 0};
    CHECK_OK(shape_apply(&w.route, "0123456789abcdef", at, true, &err), err);
    CHECK(has_device("ifi0123456789") && !has_device("ifo0123456789"));
    CHECK_OK(shape_add_end(&w.route, "0123456789abcdef", at, at->endpoints, &err), err);
    CHECK_OK(shape_remove(&w.route, "0123456789abcdef", &err), err);
    CHECK_OK(shape_remove(&w.route, "0123456789abcdef", &err), err);
    CHECK(!has_device("ifi0123456789"));
    fd_close(host);
    fd_close(inside);
}

static const struct test tests[] = {
    TEST(test_kernel_table),         TEST(test_kernel_table_port_in_the_way),
    TEST(test_kernel_table_flushed), TEST(test_kernel_bridge),
    TEST(test_kernel_pair),          TEST(test_kernel_shape),
};
TEST_MAIN(tests)
