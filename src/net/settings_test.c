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

static void test_settings_defaults(void)
{
    CLEANUP(error) struct error *err = NULL;
    struct net_settings s;
    CHECK_OK(net_settings_load("/nonexistent/config.json", &s, &err), err);
    CHECK_STR(s.bridge, "cloison0");
    CHECK_STR(s.table, "cloison");
    CHECK_INT(s.subnet, 0xac1e0000);
    CHECK_INT(s.gateway, 0xac1e0001);
    CHECK_INT(net_settings_last(&s), 0xac1efffe);
}

static void test_settings_given(void)
{
    CLEANUP(error) struct error *err = NULL;
    CLEANUP(json) json_t *json = NULL;
    struct net_settings s, again;
    CHECK_OK(parse("{\"bridge\":\"b0\",\"subnet\":\"10.1.2.0/30\",\"table\":\"t_1\"}", &s, &err),
             err);
    CHECK_INT(s.gateway, 0x0a010201);
    CHECK_INT(net_settings_first(&s), 0x0a010201);
    CHECK_INT(net_settings_last(&s), 0x0a010202);
    CHECK_OK(parse("{\"subnet\":\"10.1.0.0/16\",\"gateway\":\"10.1.255.254\"}", &s, &err), err);
    json = net_settings_to_json(&s);
    CHECK_OK(net_settings_from_json(json, "test", &again, &err), err);
    CHECK_INT(again.gateway, 0x0a01fffe);
    CHECK_INT(again.prefix_length, 16);
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
    };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        CLEANUP(error) struct error *err = NULL;
        struct net_settings s;
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
