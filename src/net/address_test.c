// SPDX-License-Identifier: Apache-2.0
#include <errno.h>

#include "base/test.h"
#include "net/address.h"

static struct net_address address(const char *text)
{
    struct net_address a = {0};
    CHECK_INT(net_address_parse(text, &a), 0);
    return a;
}

static struct net_subnet subnet(const char *text)
{
    struct net_subnet s = {0};
    CHECK_INT(net_subnet_parse(text, &s), 0);
    return s;
}

static void check_at(const char *of, uint64_t number, const char *expected)
{
    struct net_subnet s = subnet(of);
    struct net_address a = net_subnet_at(&s, number);
    char text[NET_ADDRESS_BYTES];
    net_address_text(&a, text);
    CHECK_STR(text, expected);
    CHECK_INT(net_subnet_number(&s, &a), (int64_t)number);
    CHECK(net_subnet_has(&s, &a));
}

static void test_address_spelling(void)
{
    char text[NET_ADDRESS_BYTES];
    struct net_address a = address("FD00:0:0::1"), b = address("fd00::1"), c = address("0.0.0.0");
    net_address_text(&a, text);
    CHECK_STR(text, "fd00::1");
    CHECK(net_address_equal(&a, &b) && !net_address_equal(&a, &c));
    CHECK(net_address_is_any(&c) && !net_address_is_any(&a));
    CHECK_INT(net_address_parse("1.2.3", &a), -EINVAL);
    CHECK_INT(net_address_parse("1.2.3.4:5", &a), -EINVAL);
}

static void test_address_numbers(void)
{
    check_at("10.1.0.0/16", 1, "10.1.0.1");
    check_at("10.1.0.0/16", 65534, "10.1.255.254");
    check_at("10.1.2.128/25", 3, "10.1.2.131");
    check_at("fd00:1::/64", 0x10002, "fd00:1::1:2");
    check_at("fd00:1::/112", 255, "fd00:1::ff");
    struct net_subnet s = subnet("fd00::/8");
    CHECK(net_subnet_last(&s) == UINT64_MAX);
    s = subnet("10.0.0.0/30");
    CHECK_INT(net_subnet_last(&s), 3);
}

static void test_address_subnets(void)
{
    struct net_subnet s, a = subnet("10.1.0.0/16"), b = subnet("10.1.2.0/24"),
                         c = subnet("10.2.0.0/15"), d = subnet("fd00::/64"),
                         e = subnet("0.0.0.0/0");
    CHECK(net_subnets_overlap(&a, &b) && net_subnets_overlap(&b, &a));
    CHECK(!net_subnets_overlap(&a, &c) && !net_subnets_overlap(&a, &d));
    CHECK(net_subnets_overlap(&e, &c));
    static const char *const bad[] = {"10.1.2.0", "10.1.2.0/33", "10.1.2.0/", "10.1.2.0/+8",
                                      "x/8",      "fd00::/129",  "/8"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        CHECK_INT(net_subnet_parse(bad[i], &s), -EINVAL);
    }
    CHECK_INT(net_subnet_parse("10.1.2.3/24", &s), -ERANGE);
    CHECK_INT(net_subnet_parse("fd00::1/64", &s), -ERANGE);
}

static const struct test tests[] = {
    TEST(test_address_spelling),
    TEST(test_address_numbers),
    TEST(test_address_subnets),
};
TEST_MAIN(tests)
