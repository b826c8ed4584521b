// SPDX-License-Identifier: Apache-2.0
/* The bridge, the pair and the table in a network namespace of the test's own: nothing of the host
 * is touched. Needs root. */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>

#include "base/file.h"
#include "base/json.h"
#include "base/test.h"
#include "net/kernel/link.h"
#include "net/kernel/table.h"

static const struct net_settings settings = {
    .bridge = "cltest0",
    .table = "cloison_test",
    .subnet = 0x0affff00,
    .gateway = 0x0affff01,
    .prefix_length = 24,
};

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

static struct net_record record_of(const char *id, const char *address, json_t *ports)
{
    static struct net_attachment attachments[4];
    static size_t next;
    struct net_attachment *a = &attachments[next++ % ARRAY_SIZE(attachments)];
    *a = (struct net_attachment){.network = (char *)"bridge",
                                 .bridge = (char *)"cltest0",
                                 .interface = (char *)"eth0",
                                 .host_interface = (char *)"vethtest",
                                 .address = (char *)address,
                                 .gateway = (char *)"10.255.255.1",
                                 .mac_address = (char *)"02:42:0a:ff:ff:02",
                                 .prefix_length = 24,
                                 .ports = ports};
    return (struct net_record){.id = (char *)id, .settings = settings, .attachment = a};
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
    struct net_record a = record_of("a", "10.255.255.2", many);
    struct net_record b = record_of("b", "10.255.255.3", one);
    struct net_record *all[] = {&a};
    enter(&w);
    CHECK(!table_ready(&w.nf, &settings));
    CHECK_INT(table_add_ports(&w.nf, &b, NULL), -ENOENT);
    CHECK_OK(table_remove_ports(&w.nf, &b, &err), err);
    CHECK_OK(table_make(&w.nf, &settings, all, 1, &err), err);
    CHECK(table_ready(&w.nf, &settings));
    CHECK_OK(table_add_ports(&w.nf, &b, &err), err);
    CHECK_OK(table_add_ports(&w.nf, &a, &err), err); /* the same again is no change */
    CHECK_OK(table_remove_ports(&w.nf, &a, &err), err);
    CHECK_OK(table_remove_ports(&w.nf, &a, &err), err);
    CHECK_OK(table_make(&w.nf, &settings, all, 1, &err), err); /* in place of itself */
    CHECK(table_ready(&w.nf, &settings));
    CHECK_OK(table_remove(&w.nf, &settings, &err), err);
    CHECK(!table_ready(&w.nf, &settings));
    CHECK_OK(table_remove(&w.nf, &settings, &err), err);
}

/* Another container's element in the way: -EEXIST or -EBUSY, by kernel version. */
static void test_kernel_table_port_in_the_way(void)
{
    CLEANUP(error) struct error *err = NULL;
    CLEANUP(world) struct world w = {0};
    CLEANUP(json) json_t *list = ports(80, 1, "0.0.0.0");
    struct net_record a = record_of("a", "10.255.255.2", list);
    struct net_record b = record_of("b", "10.255.255.3", list);
    struct net_record *all[] = {&a};
    enter(&w);
    CHECK_OK(table_make(&w.nf, &settings, all, 1, &err), err);
    int r = table_add_ports(&w.nf, &b, NULL);
    CHECK(r == -EEXIST || r == -EBUSY);
}

/* Someone who empties a chain is found out as one who removes the table. */
static void test_kernel_table_flushed(void)
{
    CLEANUP(error) struct error *err = NULL;
    CLEANUP(world) struct world w = {0};
    enter(&w);
    CHECK_OK(table_make(&w.nf, &settings, NULL, 0, &err), err);
    struct net_settings other = settings;
    (void)stpcpy(other.bridge, "cltest1");
    CHECK(!table_ready(&w.nf, &other)); /* this bridge is not in it */
    CLEANUP(batch) struct batch b = {0};
    batch_begin(&b, true);
    /* NFT_MSG_DELRULE without a chain: all rules of the table. */
    struct nlmsghdr *m = batch_add(&b, 10 << 8 | 8, 0, "emptying the table", 0);
    unsigned char *header = mnl_nlmsg_put_extra_header(m, 4);
    header[0] = 1; /* NFPROTO_INET */
    mnl_attr_put_strz(m, 1, settings.table);
    CHECK_OK(batch_run(&w.nf, &b, NULL, NULL, &err), err);
    CHECK(!table_ready(&w.nf, &settings));
}

static bool has_device(const char *name)
{
    return if_nametoindex(name) != 0;
}

static void test_kernel_bridge(void)
{
    CLEANUP(error) struct error *err = NULL;
    CLEANUP(world) struct world w = {0};
    int index = 0, again = 0;
    enter(&w);
    CHECK(!link_bridge_ready(&w.route, &settings, &index));
    CHECK_OK(link_bridge_make(&w.route, &settings, &index, &err), err);
    CHECK(link_bridge_ready(&w.route, &settings, &again));
    CHECK_INT(again, index);
    CHECK_OK(link_bridge_make(&w.route, &settings, &again, &err), err); /* whole already */
    CHECK_OK(link_forwarding_on(&err), err);
    struct net_settings wider = settings;
    (void)stpcpy(wider.bridge, "cltest1");
    wider.subnet = 0x0aff0000;
    wider.prefix_length = 16;
    CHECK(link_bridge_make(&w.route, &wider, &again, &err) < 0);
    CHECK_STR(err->message, "subnet 10.255.0.0/16 overlaps the host's route to 10.255.255.0/24");
    CHECK(!has_device("cltest1"));
    error_free(take_ptr(err));
    CHECK_OK(link_bridge_remove(&w.route, &settings, &err), err);
    CHECK_OK(link_bridge_remove(&w.route, &settings, &err), err);
    CHECK(!has_device("cltest0"));
    (void)stpcpy(wider.bridge, "lo");
    CHECK(link_bridge_make(&w.route, &wider, &again, &err) < 0);
    CHECK_STR(err->message, "'lo' is a network device, but not a bridge");
}

static void test_kernel_pair(void)
{
    CLEANUP(error) struct error *err = NULL;
    CLEANUP(world) struct world w = {0};
    struct net_record a = record_of("a", "10.255.255.2", NULL);
    int bridge = 0;
    enter(&w);
    CHECK_OK(link_bridge_make(&w.route, &settings, &bridge, &err), err);
    CLEANUP(fd) int host = open_file(AT_FDCWD, "/proc/thread-self/ns/net", O_RDONLY, 0, &err);
    CHECK(unshare(CLONE_NEWNET) == 0);
    CLEANUP(fd) int inside = open_file(AT_FDCWD, "/proc/thread-self/ns/net", O_RDONLY, 0, &err);
    CHECK(setns(host, CLONE_NEWNET) == 0);
    CHECK_OK(link_pair_make(&w.route, a.attachment, bridge, inside, &err), err);
    CHECK(has_device("vethtest") && !has_device("eth0"));
    CHECK(link_pair_make(&w.route, a.attachment, bridge, inside, NULL) == -EEXIST);
    CHECK_OK(link_configure_inside(a.attachment, inside, &err), err);
    CHECK(has_device("eth0")); /* this process is inside now */
    CLEANUP(free) char *routes = NULL;
    CHECK_OK(file_read(AT_FDCWD, "/proc/thread-self/net/route", 65536, &routes, NULL, &err), err);
    CHECK(strstr(routes, "eth0\t00000000\t01FFFF0A") != NULL);
    CHECK(setns(host, CLONE_NEWNET) == 0);
    CHECK_OK(link_pair_remove(&w.route, a.attachment, &err), err);
    CHECK_OK(link_pair_remove(&w.route, a.attachment, &err), err);
    CHECK(!has_device("vethtest"));
}

static const struct test tests[] = {
    TEST(test_kernel_table),         TEST(test_kernel_table_port_in_the_way),
    TEST(test_kernel_table_flushed), TEST(test_kernel_bridge),
    TEST(test_kernel_pair),
};
TEST_MAIN(tests)
