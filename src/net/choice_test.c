// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"
#include "base/test.h"
#include "net/net.h"

/* As JSON, or the error's text. */
static char *parsed(const char *text)
{
    CLEANUP(error) struct error *err = NULL;
    CLEANUP(net_choices) struct net_choices c = {0};
    if (net_choices_parse(&c, text, &err) < 0 || net_choice_check(&c.items[0], &err) < 0) {
        return error_text(err);
    }
    CLEANUP(json) json_t *json = net_choices_to_json(&c);
    CLEANUP(net_choices) struct net_choices again = {0};
    CHECK_OK(net_choices_from_json(json, &again, &err), err);
    CLEANUP(json) json_t *second = net_choices_to_json(&again);
    CHECK(json_equal(json, second));
    return json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
}

static void check(const char *text, const char *expected)
{
    CLEANUP(free) char *got = parsed(text);
    CHECK_STR(got, expected);
}

static void test_choice_forms(void)
{
    check("front", "[{\"network\":\"front\"}]");
    check("name=front,alias=a,alias=b,ip=10.0.0.2",
          "[{\"aliases\":[\"a\",\"b\"],\"ip\":\"10.0.0.2\",\"network\":\"front\"}]");
    check("name=f,ip6=fd00::2,mac-address=02:00:00:00:00:01",
          "[{\"ip6\":\"fd00::2\",\"macAddress\":\"02:00:00:00:00:01\",\"network\":\"f\"}]");
    check("ip=10.0.0.2", "--network 'ip=10.0.0.2' names no network (name=…)");
    check("name=f,color=red", "--network: unknown field 'color=red' (there are name=, alias=, ip=, "
                              "ip6=, mac-address=, gw-priority= and driver-opt=)");
    check("name=f,gw-priority=-3,driver-opt=com.docker.network.endpoint.ifname=lan0",
          "[{\"exitPriority\":-3,\"interface\":\"lan0\",\"network\":\"f\"}]");
    check("name=f,gw-priority=x", "gw-priority: 'x' is no number");
    check("name=f,driver-opt=com.docker.network.endpoint.ifname=lo",
          "ifname: 'lo' is no device's name (1 to 15 letters)");
    check("name=f,driver-opt=a=b", "--driver-opt: there is no option 'a=b' (there is "
                                   "com.docker.network.endpoint.ifname)");
    check("name=f,ip=fd00::2", "invalid address 'fd00::2': not an IPv4 address");
    check("name=f,ip6=10.0.0.1", "invalid address '10.0.0.1': not an IPv6 address");
    check("name=f,alias=a b", "invalid alias 'a b': not a host's name");
    check("name=f,mac-address=01:00:00:00:00:01",
          "invalid MAC address '01:00:00:00:00:01': not six pairs of hex digits of one host");
}

static void check_rate(const char *text, const char *expected)
{
    CLEANUP(error) struct error *err = NULL;
    struct net_rate rate = {.in = 1000};
    if (net_rate_parse(text, &rate, &err) < 0) {
        CHECK(expected == NULL);
        CHECK_INT(err->kind, ERROR_USAGE);
        return;
    }
    CLEANUP(free) char *got = net_rate_text(&rate);
    CHECK_STR(got, expected);
}

static void test_choice_rate(void)
{
    check_rate("in=50mbit,out=10mbit", "in=50mbit,out=10mbit");
    check_rate("out=1.5gbit", "in=1kbit,out=1500mbit");
    check_rate("8kbit", "in=8kbit,out=8kbit");
    check_rate("in=0,out=100mbit", "out=100mbit");
    static const char *const bad[] = {"",         "10",       "in=",      "in=1bit", "-1mbit",
                                      "1..2mbit", "in=5mbps", "2tbit",    "0mbit",   "10mbit,5mbit",
                                      "up=1mbit", "1e3mbit",  "in=1mbit,"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        check_rate(bad[i], NULL);
    }
    struct net_rate none = {0};
    CHECK(net_rate_text(&none) == NULL);
}

static const struct test tests[] = {
    TEST(test_choice_forms),
    TEST(test_choice_rate),
};
TEST_MAIN(tests)
