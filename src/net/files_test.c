// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>

#include "base/file.h"
#include "base/test.h"
#include "net/files.h"

static char folder[] = "/tmp/cloison-files-XXXXXX";

static char *in_folder(const char *name)
{
    return str_format("%s/%s", folder, name);
}

static void put(const char *name, const char *text)
{
    CLEANUP(error) struct error *err = NULL;
    CLEANUP(free) char *path = in_folder(name);
    CHECK_OK(file_write_atomic(AT_FDCWD, path, text, strlen(text), 0644, FILE_NO_SYNC, &err), err);
}

static void check_text(const char *path, const char *expected)
{
    CLEANUP(error) struct error *err = NULL;
    CLEANUP(free) char *text = NULL;
    CHECK_OK(file_read(AT_FDCWD, path, 65536, &text, NULL, &err), err);
    CHECK_STR(text, expected);
}

#define LOOPBACK                                                                                   \
    "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::\tip6-localnet\n"      \
    "ff00::\tip6-mcastprefix\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n"

static void test_files_hosts(void)
{
    CLEANUP(error) struct error *err = NULL;
    CLEANUP(free) char *path = in_folder("hosts");
    CLEANUP(strv) struct strv extra = {0};
    CLEANUP(strv) struct strv addresses = {0};
    strv_add(&addresses, "172.30.0.2");
    struct net_hosts h = {.hostname = "web", .addresses = &addresses, .gateway = "172.30.0.1"};
    CHECK_OK(net_write_hosts(path, &h, &err), err);
    check_text(path, LOOPBACK "172.30.0.2\tweb\n");
    strv_add(&extra, "db:10.0.0.9");
    strv_add(&extra, "host.docker.internal:host-gateway");
    strv_add(&extra, "six=[fd00::1]");
    strv_add(&extra, "seven:fd00::7");
    h.extra = &extra;
    h.domainname = "example.org";
    CHECK_OK(net_write_hosts(path, &h, &err), err);
    check_text(path, LOOPBACK "10.0.0.9\tdb\n172.30.0.1\thost.docker.internal\nfd00::1\tsix\n"
                              "fd00::7\tseven\n172.30.0.2\tweb.example.org web\n");
    CLEANUP(strv) struct strv others = {0};
    strv_add(&others, "172.30.0.9\tdb 0123456789ab");
    h = (struct net_hosts){
        .hostname = "web.example.org", .addresses = &addresses, .others = &others};
    CHECK_OK(net_write_hosts(path, &h, &err), err);
    check_text(path, LOOPBACK "172.30.0.9\tdb 0123456789ab\n172.30.0.2\tweb.example.org web\n");
}

static void test_files_hosts_of_host(void)
{
    CLEANUP(error) struct error *err = NULL;
    CLEANUP(free) char *path = in_folder("hosts");
    CLEANUP(free) char *own = in_folder("etc-hosts");
    CLEANUP(strv) struct strv extra = {0};
    strv_add(&extra, "db:10.0.0.9");
    put("etc-hosts", "127.0.0.1 localhost\n10.1.1.1 machine");
    struct net_hosts h = {.hostname = "web", .extra = &extra, .host_path = own};
    CHECK_OK(net_write_hosts(path, &h, &err), err);
    check_text(path, "127.0.0.1 localhost\n10.1.1.1 machine\n10.0.0.9\tdb\n");
    strv_add(&extra, "up:host-gateway");
    CHECK(net_write_hosts(path, &h, &err) < 0);
    CHECK_INT(err->kind, ERROR_USAGE);
}

static void test_files_hosts_refused(void)
{
    static const char *const bad[] = {"",
                                      "db",
                                      ":1.2.3.4",
                                      "db:",
                                      "db:x",
                                      "d b:1.2.3.4",
                                      "db:1.2.3.4\nevil:1",
                                      "db:[1.2.3.4",
                                      "db:1.2.3.4:5"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        CLEANUP(error) struct error *err = NULL;
        CHECK(net_check_add_host(bad[i], &err) < 0);
        CHECK_INT(err->kind, ERROR_USAGE);
    }
}

static void check_resolv(struct net_resolv *r, const char *host, const char *expected)
{
    CLEANUP(error) struct error *err = NULL;
    CLEANUP(free) char *path = in_folder("resolv.conf");
    CLEANUP(free) char *own = in_folder("etc-resolv");
    CLEANUP(free) char *systemd = in_folder("systemd-resolv");
    put("etc-resolv", host);
    r->host_path = own;
    r->systemd_path = systemd;
    CHECK_OK(net_write_resolv(path, r, &err), err);
    check_text(path, expected);
}

static void test_files_resolv_host(void)
{
    struct net_resolv r = {0};
    check_resolv(&r,
                 "# mine\nsearch a.org\nnameserver 9.9.9.9\nsearch b.org c.org\noptions ndots:2\n",
                 "nameserver 9.9.9.9\nsearch b.org c.org\noptions ndots:2\n");
    check_resolv(&r, "nameserver 127.0.0.1\nnameserver 1.1.1.1\nnameserver fe80::1%eth0\n",
                 "nameserver 1.1.1.1\n");
    check_resolv(&r, "", "nameserver 8.8.8.8\nnameserver 8.8.4.4\n");
    r.host_network = true;
    check_resolv(&r, "nameserver 127.0.0.53\n", "nameserver 127.0.0.53\n");
}

static void test_files_resolv_systemd(void)
{
    struct net_resolv r = {0};
    put("systemd-resolv", "nameserver 192.0.2.1\nnameserver 192.0.2.2\nsearch lan\n");
    check_resolv(&r, "nameserver 127.0.0.53\noptions edns0\nsearch home\n",
                 "nameserver 192.0.2.1\nnameserver 192.0.2.2\nsearch home\noptions edns0\n");
}

static void test_files_resolv_in_place(void)
{
    CLEANUP(free) char *written = in_folder("written");
    struct net_resolv r = {.written_path = written};
    check_resolv(&r, "nameserver 1.1.1.1\n", "nameserver 1.1.1.1\n");
    r.in_place = true;
    check_resolv(&r, "nameserver 2.2.2.2\n", "nameserver 2.2.2.2\n");
    put("resolv.conf", "nameserver 3.3.3.3\n"); /* by somebody else */
    check_resolv(&r, "nameserver 4.4.4.4\n", "nameserver 3.3.3.3\n");
    r.written_path = NULL;
    check_resolv(&r, "nameserver 4.4.4.4\n", "nameserver 4.4.4.4\n");
}

static void test_files_resolv_given(void)
{
    CLEANUP(strv) struct strv dns = {0};
    CLEANUP(strv) struct strv search = {0};
    CLEANUP(strv) struct strv options = {0};
    strv_add(&dns, "1.1.1.1");
    strv_add(&dns, "2606:4700::1111");
    struct net_resolv r = {.dns = &dns, .search = &search, .options = &options};
    check_resolv(&r, "nameserver 9.9.9.9\nsearch home\n",
                 "nameserver 1.1.1.1\nnameserver 2606:4700::1111\nsearch home\n");
    strv_add(&search, ".");
    strv_add(&options, "ndots:1");
    check_resolv(&r, "nameserver 9.9.9.9\nsearch home\noptions rotate\n",
                 "nameserver 1.1.1.1\nnameserver 2606:4700::1111\noptions ndots:1\n");
}

static void test_files_resolv_refused(void)
{
    CLEANUP(error) struct error *err = NULL;
    CLEANUP(strv) struct strv dns = {0};
    strv_add(&dns, "example.org");
    struct net_resolv r = {.dns = &dns};
    CHECK(net_write_resolv("/nonexistent/x", &r, &err) < 0);
    CHECK_STR(err->message, "invalid DNS server 'example.org': not an IP address");
}

static const struct test tests[] = {
    TEST(test_files_hosts),           TEST(test_files_hosts_of_host),
    TEST(test_files_hosts_refused),   TEST(test_files_resolv_host),
    TEST(test_files_resolv_systemd),  TEST(test_files_resolv_given),
    TEST(test_files_resolv_in_place), TEST(test_files_resolv_refused),
};

int main(int argc, char **argv)
{
    if (!mkdtemp(folder)) {
        perror(folder);
        return 1;
    }
    int failed = test_main(tests, ARRAY_SIZE(tests), argc, argv);
    return failed || remove_tree(AT_FDCWD, folder, NULL) < 0;
}
