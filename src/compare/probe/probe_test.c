// SPDX-License-Identifier: Apache-2.0
#include "compare/probe/probe.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/test.h"

#define SHORT_NS 1000000

static void test_probe_every_measure_gives_a_figure(void)
{
    char folder[] = "/tmp/cloison-probe-test-XXXXXX";
    CHECK(mkdtemp(folder) != NULL);
    const struct probe_context c = {.ns = SHORT_NS, .folder = folder};
    for (const struct probe_kind *k = probe_kinds; k->name; k++) {
        double value = -1;
        /* Without its program, fork-exec would start this one again; the network has its test. */
        if (strcmp(k->name, "fork-exec") == 0 || strncmp(k->name, "net-", 4) == 0) {
            continue;
        }
        int r = k->measure(&c, &value);
        if (r < 0 || !(value > 0)) {
            printf("# %s: %s, %g\n", k->name, strerror(-r), value);
        }
        CHECK(r >= 0 && value > 0);
    }
    CLEANUP(strv) struct strv left = {0};
    CLEANUP(error) struct error *err = NULL;
    CHECK_OK(list_folder_whole(AT_FDCWD, folder, &left, &err), err);
    CHECK_INT(left.count, 0);
    CHECK(rmdir(folder) == 0);
}

static void test_probe_a_folder_that_is_not_there(void)
{
    const struct probe_context c = {.ns = SHORT_NS, .folder = "/nowhere/at/all"};
    double value = 0;
    CHECK_INT(probe_write(&c, &value), -ENOENT);
    CHECK_INT(probe_metadata(&c, &value), -ENOENT);
    CHECK_INT(probe_random_read(&c, &value), -ENOENT);
}

static int listener_on_loopback(int *ret_port)
{
    struct sockaddr_in a = {.sin_family = AF_INET};
    socklen_t len = sizeof(a);
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0 && bind(fd, (const struct sockaddr *)&a, len) == 0 && listen(fd, 4) == 0);
    CHECK(getsockname(fd, (struct sockaddr *)&a, &len) == 0);
    *ret_port = ntohs(a.sin_port);
    return fd;
}

static void test_probe_network(void)
{
    struct probe_context c = {.ns = SHORT_NS};
    int fd = listener_on_loopback(&c.port);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        _exit(probe_serve(fd) < 0);
    }
    (void)close(fd);
    double latency = -1, throughput = -1;
    c.address = htonl(INADDR_LOOPBACK);
    int first = probe_net_latency(&c, &latency), second = probe_net_throughput(&c, &throughput);
    CHECK(kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid);
    CHECK_INT(first, 0);
    CHECK_INT(second, 0);
    CHECK(latency > 0 && throughput > 0);
    CHECK_INT(probe_net_latency(&c, &latency), -ECONNREFUSED); /* nobody serves any more */
    c.port = 0;
    CHECK_INT(probe_net_latency(&c, &latency), -ENETUNREACH);
}

static void test_probe_gateway(void)
{
    const char *head = "Iface\tDestination\tGateway \tFlags\n";
    CLEANUP(free)
    char *text =
        str_format("%seth0\t0000FEA9\t00000000\t0001\neth0\t00000000\t01001EAC\t0003\n", head);
    CHECK_INT(probe_gateway(text), 0x01001EAC);
    CHECK_INT(probe_gateway(head), 0);
    CHECK_INT(probe_gateway(""), 0);
}

static const struct test tests[] = {
    TEST(test_probe_every_measure_gives_a_figure),
    TEST(test_probe_a_folder_that_is_not_there),
    TEST(test_probe_network),
    TEST(test_probe_gateway),
};
TEST_MAIN(tests)
