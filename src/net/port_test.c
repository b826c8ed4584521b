// SPDX-License-Identifier: Apache-2.0
#include "base/test.h"
#include "net/net.h"

static char *parsed(const char *text)
{
    CLEANUP(error) struct error *err = NULL;
    CLEANUP(free) struct net_port *p = NULL;
    size_t count = 0;
    if (net_port_parse(text, &p, &count, &err) < 0) {
        return error_text(err);
    }
    struct strbuf b = {0};
    for (size_t i = 0; i < count; i++) {
        strbuf_addf(&b, "%s%s %s %d-%d %d", i ? ", " : "", p[i].address, p[i].proto, p[i].host,
                    p[i].host_last, p[i].container);
    }
    return strbuf_take(&b);
}

static void check(const char *text, const char *expected)
{
    CLEANUP(free) char *got = parsed(text);
    CHECK_STR(got, expected);
}

static void test_port_forms(void)
{
    check("80", " tcp 0-0 80");
    check("8080:80", " tcp 8080-8080 80");
    check("8080:80/UDP", " udp 8080-8080 80");
    check("127.0.0.1:8080:80", "127.0.0.1 tcp 8080-8080 80");
    check("127.0.0.1::80", "127.0.0.1 tcp 0-0 80");
    check("0:80", " tcp 0-0 80");
    check("[::1]:8080:80/tcp", "::1 tcp 8080-8080 80");
    check("[0:0::1]::80", "::1 tcp 0-0 80");
}

static void test_port_ranges(void)
{
    check("80-81", " tcp 0-0 80,  tcp 0-0 81");
    check("8080-8081:80-81", " tcp 8080-8080 80,  tcp 8081-8081 81");
    check("8000-8010:80", " tcp 8000-8010 80");
    check("10.0.0.1:53-54:53-54/udp", "10.0.0.1 udp 53-53 53, 10.0.0.1 udp 54-54 54");
}

static void refused(const char *text)
{
    CLEANUP(error) struct error *err = NULL;
    CLEANUP(free) struct net_port *p = NULL;
    size_t count = 0;
    CHECK(net_port_parse(text, &p, &count, &err) < 0);
    CHECK_INT(err->kind, ERROR_USAGE);
    CHECK(strstr(err->message, text) != NULL);
    CHECK(err->hint != NULL);
}

static void test_port_refused(void)
{
    static const char *const texts[] = {
        "",
        "x",
        "80/",
        "80/icmp",
        "0",
        "65536",
        "-1:80",
        "8080:",
        ":80",
        ":",
        "8080:80:90",
        "90-80",
        "80-",
        "+80",
        " 80",
        "80 ",
        "1-2:80-82",
        "1-3:80-81",
        "::1:80:80",
        "[::1]80",
        "[::1:80:80",
        "[x]:80:80",
        "host:80:80",
        "127.0.0.1:80",
        "256.0.0.1:80:80",
        "80/tcp/udp",
        "1.2.3.4:5-x:80",
    };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        refused(texts[i]);
    }
}

static void test_port_twice(void)
{
    CLEANUP(error) struct error *err = NULL;
    CLEANUP(strv) struct strv v = {0};
    strv_add(&v, "127.0.0.1:80:80");
    strv_add(&v, "127.0.0.2:80:80");
    strv_add(&v, "80:80/udp");
    strv_add(&v, "80");
    strv_add(&v, "80");
    CHECK_OK(net_ports_check(&v, &err), err);
    strv_add(&v, "80-90:80-90");
    CHECK(net_ports_check(&v, &err) < 0);
    CHECK_STR(err->message, "port 80/tcp is published twice");
}

static const struct test tests[] = {
    TEST(test_port_forms),
    TEST(test_port_ranges),
    TEST(test_port_refused),
    TEST(test_port_twice),
};
TEST_MAIN(tests)
