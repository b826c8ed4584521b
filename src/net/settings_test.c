// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"
#include "base/test.h"
#include "net/settings.h"

static int parse(const char *text, struct net_settings *s, struct error **err)
{
    CLEANUP(json) json_t *json = NULL;
    CHECK_OK(json_parse(text, strlen(text), "test", &json, err), *err);
    return net_settings_from_json(json, "test", s, err);
}

static void check_address(const struct net_address *a, const char *expected)
{
    char text[NET_ADDRESS_BYTES];
    net_address_text(a, text);
    CHECK_STR(text, expected);
}

static void test_settings_defaults(void)
{
    CLEANUP(error) struct error *err = NULL;
    CLEANUP(net_settings) struct net_settings s = {0};
    CHECK_OK(net_settings_load("/nonexistent/config.json", &s, &err), err);
    CHECK_STR(s.bridge->device, "cloison0");
    CHECK_STR(s.table, "cloison");
    const struct net_pool *p = &s.bridge->pools[NET_IPV4];
    check_address(&p->subnet.base, "172.30.0.0");
    check_address(&p->gateway, "172.30.0.1");
    CHECK_INT(net_pool_last(p), 0xfffe);
    CHECK(!net_network_has(s.bridge, NET_IPV6));
    CHECK_INT(strlen(s.bridge->id), 64);
}

static void test_settings_given(void)
{
    CLEANUP(error) struct error *err = NULL;
    CLEANUP(net_settings) struct net_settings s = {0}, wide = {0};
    CHECK_OK(parse("{\"bridge\":\"b0\",\"subnet\":\"10.1.2.0/30\",\"table\":\"t_1\"}", &s, &err),
             err);
    const struct net_pool *p = &s.bridge->pools[NET_IPV4];
    check_address(&p->gateway, "10.1.2.1");
    CHECK_INT(net_pool_first(p), 1);
    CHECK_INT(net_pool_last(p), 2);
    CHECK_OK(parse("{\"subnet\":\"10.1.0.0/16\",\"gateway\":\"10.1.255.254\","
                   "\"subnet6\":\"fd00:1::/64\",\"pool\":\"10.9.0.0/16\"}",
                   &wide, &err),
             err);
    CLEANUP(json) json_t *json = net_network_to_json(wide.bridge);
    CLEANUP(net_network) struct net_network *again = NULL;
    CHECK_OK(net_network_from_json(json, "test", &again, &err), err);
    check_address(&again->pools[NET_IPV4].gateway, "10.1.255.254");
    check_address(&again->pools[NET_IPV6].gateway, "fd00:1::1");
    CHECK_INT(again->pools[NET_IPV4].subnet.prefix, 16);
    check_address(&wide.pools[NET_IPV4].base, "10.9.0.0");
}

static void test_settings_refused(void)
{
    static const char *const texts[] = {
        "{\"bridge\":\"\"}",
        "{\"bridge\":\"../x\"}",
        "{\"bridge\":\"sixteen-letters-\"}",
        "{\"bridge\":7}",
        "{\"table\":\"a b\"}",
        "{\"subnet\":\"10.1.2.0\"}",
        "{\"subnet\":\"10.1.2.3/24\"}",
        "{\"subnet\":\"10.1.2.0/31\"}",
        "{\"subnet\":\"10.0.0.0/7\"}",
        "{\"subnet\":\"fd00::/64\"}",
        "{\"subnet\":\"10.1.2.0/24\",\"gateway\":\"10.1.3.1\"}",
        "{\"subnet\":\"10.1.2.0/24\",\"gateway\":\"10.1.2.255\"}",
        "{\"subnet6\":\"10.1.2.0/24\"}",
        "{\"subnet6\":\"fd00::1/64\"}",
        "{\"subnet6\":\"fd00::/64\",\"gateway6\":\"fd01::1\"}",
        "{\"pool\":\"fd00::/48\"}",
    };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        CLEANUP(error) struct error *err = NULL;
        CLEANUP(net_settings) struct net_settings s = {0};
        CHECK(parse(texts[i], &s, &err) < 0);
        CHECK_INT(err->kind, ERROR_INVALID_INPUT);
    }
}

static const struct test tests[] = {
    TEST(test_settings_defaults),
    TEST(test_settings_given),
    TEST(test_settings_refused),
};
TEST_MAIN(tests)
