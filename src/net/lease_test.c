// SPDX-License-Identifier: Apache-2.0
/* Leases and reservations in a folder of the test's own; ports are the kernel's ephemeral ones. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/json.h"
#include "base/test.h"
#include "net/hold.h"
#include "net/lease.h"

static char folder[] = "/tmp/cloison-lease-XXXXXX";
static char *config;

static void configure(const char *subnet)
{
    CLEANUP(error) struct error *err = NULL;
    CLEANUP(free) char *run = str_format("%s/run", folder);
    CHECK_OK(remove_tree(AT_FDCWD, run, &err), err);
    CLEANUP(free)
    char *text = str_format("{\"network\":{\"bridge\":\"cltest\",\"subnet\":\"%s\"}}", subnet);
    free(config);
    config = str_format("%s/config.json", folder);
    CHECK_OK(file_write_atomic(AT_FDCWD, config, text, strlen(text), 0600, FILE_NO_SYNC, &err),
             err);
}

static struct net_choice in_bridge = {.network = (char *)"bridge"};
static const struct net_choices choices = {&in_bridge, 1};

static struct net_request request(const char *id, const struct strv *publish)
{
    static char run[64];
    (void)snprintf(run, sizeof(run), "%s/run", folder);
    return (struct net_request){
        .place = {run, folder, config}, .id = id, .networks = &choices, .publish = publish};
}

/* The address, or the error's text. */
static char *reserve(const char *id, const char *ip, const char *publish,
                     struct net_attachment **ret)
{
    CLEANUP(error) struct error *err = NULL;
    CLEANUP(strv) struct strv ports = {0};
    if (publish) {
        strv_add(&ports, publish);
    }
    struct net_request q = request(id, &ports);
    in_bridge.ip = (char *)ip;
    struct net_attachment *a = NULL;
    if (net_reserve(&q, &a, &err) < 0) {
        return error_text(err);
    }
    char *address = xmalloc(NET_ADDRESS_BYTES);
    net_address_text(&a->endpoints[0].addresses[NET_IPV4], address);
    if (ret) {
        *ret = a;
    } else {
        net_attachment_free(a);
    }
    return address;
}

static void check_reserve(const char *id, const char *ip, const char *expected)
{
    CLEANUP(free) char *got = reserve(id, ip, NULL, NULL);
    CHECK_STR(got, expected);
}

static void give_back(const char *id)
{
    CLEANUP(error) struct error *err = NULL;
    struct net_request q = request(id, NULL);
    CHECK_OK(net_detach(&q, NULL, &err), err);
}

static void test_lease_addresses_in_turn(void)
{
    configure("10.255.255.0/29");
    check_reserve("a", NULL, "10.255.255.2");
    check_reserve("b", NULL, "10.255.255.3");
    give_back("a");
    check_reserve("c", NULL, "10.255.255.4"); /* the one returned rests */
    check_reserve("d", NULL, "10.255.255.5");
    check_reserve("e", NULL, "10.255.255.6");
    check_reserve("f", NULL, "10.255.255.2");
    check_reserve("g", NULL,
                  "network 'bridge' has no free address left (give it a larger \"subnet\" in the "
                  "config file)");
    give_back("e");
    check_reserve("g", NULL, "10.255.255.6");
    give_back("nobody");
}

static void test_lease_address_wanted(void)
{
    configure("10.255.255.0/24");
    check_reserve("a", "10.255.255.9", "10.255.255.9");
    check_reserve("b", "10.255.255.9", "address 10.255.255.9 is already in use by container a");
    check_reserve("b", "10.255.255.1", "address 10.255.255.1 is the gateway's");
    check_reserve("b", "10.255.254.1",
                  "address 10.255.254.1 is not in network 'bridge' (10.255.255.0/24)");
    check_reserve("b", "x", "invalid address 'x': not an IPv4 address");
    check_reserve("a", NULL, "10.255.255.10"); /* again for the same id: anew */
    check_reserve("b", "10.255.255.9", "10.255.255.9");
}

/* A process that reserves and dies leaves leases that nobody answers for. */
static void reserve_and_die(const char *id)
{
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        struct net_request q = request(id, NULL);
        struct net_attachment *a = NULL;
        _exit(net_reserve(&q, &a, NULL) < 0);
    }
    int status = 0;
    CHECK_INT(waitpid(pid, &status, 0), pid);
    CHECK_INT(status, 0);
}

static void test_lease_of_the_dead(void)
{
    configure("10.255.255.0/29");
    check_reserve("alive", NULL, "10.255.255.2");
    for (int i = 0; i < 4; i++) {
        CLEANUP(free) char *id = str_format("dead%d", i);
        reserve_and_die(id);
    }
    check_reserve("b", NULL, "10.255.255.3"); /* full: all of the dead are taken back */
    check_reserve("c", "10.255.255.2", "address 10.255.255.2 is already in use by container alive");
}

static void test_lease_of_the_monitored(void)
{
    CLEANUP(error) struct error *err = NULL;
    configure("10.255.255.0/30");
    reserve_and_die("m");
    CLEANUP(free) char *run = str_format("%s/run/containers/m", folder);
    CLEANUP(free) char *lock = str_format("%s/monitor.lock", run);
    CHECK_OK(mkdir_all(run, 0700, &err), err);
    int fd = lock_file(AT_FDCWD, lock, LOCK_EXCLUSIVE, true, &err);
    CHECK_OK(fd, err);
    CLEANUP(free) char *refused = reserve("b", NULL, NULL, NULL);
    CHECK(str_starts(refused, "network 'bridge' has no free address left"));
    fd_close(fd);
    check_reserve("b", NULL, "10.255.255.2");
}

static int free_port(void)
{
    int port = 0, fd = -1;
    CHECK_INT(net_hold_port("tcp", "0.0.0.0", &port, &fd), 0);
    fd_close(fd);
    return port;
}

static void test_lease_ports(void)
{
    configure("10.255.255.0/24");
    int port = free_port();
    CLEANUP(free) char *all = str_format("%d:80", port);
    CLEANUP(free) char *one = str_format("127.0.0.1:%d:80", port);
    CLEANUP(free) char *udp = str_format("127.0.0.1:%d:80/udp", port);
    CLEANUP(net_attachment) struct net_attachment *a = NULL;
    CLEANUP(net_attachment) struct net_attachment *b = NULL;
    CLEANUP(free) char *first = reserve("a", NULL, one, &a);
    CHECK_STR(first, "10.255.255.2");
    CHECK(a);
    CHECK_INT(a->held_count, 1);
    CLEANUP(free)
    char *expected = str_format("port %d/tcp is already in use by container a", port);
    CLEANUP(free) char *second = reserve("b", NULL, all, NULL);
    CHECK_STR(second, expected);
    CLEANUP(free) char *third = reserve("b", NULL, udp, &b);
    CHECK_STR(third, "10.255.255.3");
}

static void test_lease_port_of_a_program(void)
{
    configure("10.255.255.0/24");
    struct sockaddr_in any = {.sin_family = AF_INET};
    socklen_t len = sizeof(any);
    CLEANUP(fd) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(bind(fd, (struct sockaddr *)&any, len) == 0 && listen(fd, 1) == 0);
    CHECK(getsockname(fd, (struct sockaddr *)&any, &len) == 0);
    int port = ntohs(any.sin_port);
    CLEANUP(free) char *publish = str_format("%d:80", port);
    CLEANUP(free)
    char *expected = str_format("port %d/tcp is already in use by another program", port);
    CLEANUP(free) char *got = reserve("a", NULL, publish, NULL);
    CHECK_STR(got, expected);
    CLEANUP(free) char *elsewhere = reserve("a", NULL, "203.0.113.9:0:80", NULL);
    CHECK(strstr(elsewhere, "not an address of this host") != NULL);
    check_reserve("a", NULL, "10.255.255.2"); /* what failed took nothing */
}

/* What is held cannot be taken, and old connections of a program that ended are no obstacle. */
static void test_lease_hold(void)
{
    int port = 0, held = -1, other = -1, on = 1;
    CHECK_INT(net_hold_port("tcp", "0.0.0.0", &port, &held), 0);
    CHECK_INT(net_hold_port("tcp", "127.0.0.1", &port, &other), -EADDRINUSE);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    CLEANUP(fd) int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0);
    CHECK(bind(server, (struct sockaddr *)&a, sizeof(a)) < 0);
    fd_close(held);
    CHECK(bind(server, (struct sockaddr *)&a, sizeof(a)) == 0 && listen(server, 1) == 0);
    CLEANUP(fd) int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(connect(client, (struct sockaddr *)&a, sizeof(a)) == 0);
    CHECK_INT(net_hold_port("tcp", "0.0.0.0", &port, &held), -EADDRINUSE);
    fd_close(accept4(server, NULL, NULL, SOCK_CLOEXEC)); /* this side waits a minute */
    server = fd_close(server);
    CHECK_INT(net_hold_port("tcp", "0.0.0.0", &port, &held), 0);
    CLEANUP(fd) int late = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(setsockopt(late, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0);
    CHECK(bind(late, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(late, 1) < 0);
    fd_close(held);
}

static void test_lease_nothing_left(void)
{
    configure("10.255.255.0/24");
    CLEANUP(net_attachment) struct net_attachment *a = NULL;
    CLEANUP(free) char *got = reserve("a", NULL, "70-75", &a);
    CHECK_STR(got, "10.255.255.2");
    CHECK(a);
    CHECK_INT(json_array_size(a->ports), 6);
    CHECK_INT(a->held_count, 6);
    struct leases l = LEASES_NONE;
    CLEANUP(error) struct error *err = NULL;
    CLEANUP(net_record) struct net_record *record = NULL;
    struct net_request q = request("a", NULL);
    CHECK_OK(leases_open(q.place.run_dir, &l, &err), err);
    CHECK_OK(net_record_load(l.dir, "a", &record, &err), err);
    CHECK_STR(record->attachment->endpoints[0].mac_address, "02:42:0a:ff:ff:02");
    CHECK_OK(lease_drop(&l, record, &err), err);
    CHECK_INT(unlinkat(l.dir, "ports", AT_REMOVEDIR), 0);
    CHECK_INT(unlinkat(l.dir, "attachments", AT_REMOVEDIR), 0);
    leases_close(&l);
}

static const struct test tests[] = {
    TEST(test_lease_addresses_in_turn),
    TEST(test_lease_address_wanted),
    TEST(test_lease_of_the_dead),
    TEST(test_lease_of_the_monitored),
    TEST(test_lease_ports),
    TEST(test_lease_port_of_a_program),
    TEST(test_lease_hold),
    TEST(test_lease_nothing_left),
};

int main(int argc, char **argv)
{
    if (!mkdtemp(folder)) {
        perror(folder);
        return 1;
    }
    int failed = test_main(tests, ARRAY_SIZE(tests), argc, argv);
    free(config);
    return failed || remove_tree(AT_FDCWD, folder, NULL) < 0;
}
