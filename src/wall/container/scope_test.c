// SPDX-License-Identifier: Apache-2.0
/* Names of units and slices, values in GVariant's text format, resources as properties. */
#include "wall/container/scope.h"

#include "base/json.h"
#include "base/test.h"
#include "wall/container/cgroup.h"

static void check_place(const char *path, const char *slice, const char *unit, const char *group)
{
    struct arena *a = arena_new();
    struct error *err = NULL;
    struct scope_place p = {0};
    CHECK_OK(scope_place_parse(a, path, "web", &p, &err), err);
    CHECK_STR(p.slice, slice);
    CHECK_STR(p.unit, unit);
    CHECK_STR(p.group, group);
    arena_free(a);
}

static void test_scope_place(void)
{
    check_place(NULL, "system.slice", "cloison-web.scope", "/system.slice/cloison-web.scope");
    check_place(":docker:x", "system.slice", "docker-x.scope", "/system.slice/docker-x.scope");
    check_place("a-b-c.slice:p:x", "a-b-c.slice", "p-x.scope",
                "/a.slice/a-b.slice/a-b-c.slice/p-x.scope");
    check_place("-.slice:p:x", "-.slice", "p-x.scope", "/p-x.scope");
    check_place("machine.slice::x", "machine.slice", "-x.scope", "/machine.slice/-x.scope");
}

static void test_scope_place_refused(void)
{
    static const char *const paths[] = {
        "/a/b",           "a:b",           "a.slice:b:c:d",     "a:b:c",
        ".slice:b:c",     "-a.slice:b:c",  "a-.slice:b:c",      "a--b.slice:b:c",
        "../a.slice:b:c", "a.slice:b:c/d", "a.slice:b:c.slice", "a.slice:b:c d",
    };
    for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
        struct arena *a = arena_new();
        struct error *err = NULL;
        struct scope_place p = {0};
        CHECK(scope_place_parse(a, paths[i], "web", &p, &err) < 0);
        CHECK(err->kind == ERROR_INVALID_INPUT);
        CHECK(strstr(err->message, paths[i]));
        error_free(err);
        arena_free(a);
    }
}

/* `expected` NULL: refused. */
static void check_property(const char *name, const char *text, const char *expected)
{
    struct error *err = NULL;
    CLEANUP(json) json_t *list = json_array();
    int r = scope_property_parse(name, text, list, &err);
    if (!expected) {
        CHECK(r < 0);
        CHECK_INT(json_array_size(list), 0);
        error_free(err);
        return;
    }
    CHECK_OK(r, err);
    CLEANUP(free) char *said = json_dumps(list, JSON_COMPACT);
    CHECK_STR(said, expected);
}

static void test_scope_property(void)
{
    check_property("Abc", "'a\\'b\\n'", "[[\"Abc\",\"s\",\"a'b\\n\"]]");
    check_property("Abc", " \"x\" ", "[[\"Abc\",\"s\",\"x\"]]");
    check_property("Abc", "true", "[[\"Abc\",\"b\",true]]");
    check_property("Abc", "-7", "[[\"Abc\",\"i\",-7]]");
    check_property("Abc", "1.5", "[[\"Abc\",\"d\",1.5]]");
    check_property("Abc", "uint64 18446744073709551615", "[[\"Abc\",\"t\",-1]]");
    check_property("Abc", "byte 0xff", "[[\"Abc\",\"y\",255]]");
    check_property("Abc", "@u 5", "[[\"Abc\",\"u\",5]]");
    check_property("Abc", "['a', 'b']", "[[\"Abc\",\"as\",[\"a\",\"b\"]]]");
    check_property("Abc", "[uint32 1, 2]", "[[\"Abc\",\"au\",[1,2]]]");
    check_property("Abc", "@a(st) []", "[[\"Abc\",\"a(st)\",[]]]");
    check_property("Abc", "@a(st) [('/dev/x', 9)]", "[[\"Abc\",\"a(st)\",[[\"/dev/x\",9]]]]");
    check_property("Abc", "[('/dev/x', uint64 9)]", "[[\"Abc\",\"a(st)\",[[\"/dev/x\",9]]]]");
    check_property("TimeoutStopSec", "7", "[[\"TimeoutStopUSec\",\"t\",7000000]]");
    check_property("TimeoutStopSec", "0.25", "[[\"TimeoutStopUSec\",\"t\",250000]]");
    check_property("TimeoutStopUSec", "uint64 7", "[[\"TimeoutStopUSec\",\"t\",7]]");
}

static void test_scope_property_refused(void)
{
    static const char *const texts[] = {
        "",          "'a",           "a",
        "[]",        "[1, 'a']",     "[1 2]",
        "()",        "@u -1",        "byte 256",
        "@z 1",      "@as ['a', 1]", "uint32 'a'",
        "'a' 'b'",   "@(su) ('a')",  "1e999",
        "@u 1.5",    "@aaaa [[",     "[[[[[[[[[[[[1]]]]]]]]]]]]",
        "'\\u0041'", "0x",           "X",
        "-",
    };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        check_property("Abc", texts[i], NULL);
    }
    check_property("A b", "1", NULL);
    check_property("", "1", NULL);
    check_property("TimeoutStopSec", "-1", NULL);
    check_property("TimeoutStopSec", "'a'", NULL);
}

static char *properties_of(const char *resources, const struct cgroup_set *set)
{
    struct arena *a = arena_new();
    struct error *err = NULL;
    struct spec_resources r = {0};
    CLEANUP(json) json_t *json = NULL;
    CHECK_OK(json_parse(resources, strlen(resources), "resources", &json, &err), err);
    CHECK_OK(spec_parse_resources(a, json, "resources", &r, &err), err);
    CLEANUP(json) json_t *list = scope_properties(&r, set);
    CLEANUP(strbuf) struct strbuf out = {0};
    size_t i;
    json_t *one;
    json_array_foreach(list, i, one)
    {
        CLEANUP(free)
        char *value = json_dumps(json_array_get(one, 2), JSON_ENCODE_ANY | JSON_COMPACT);
        strbuf_addf(&out, "%s=%s\n", json_string_value(json_array_get(one, 0)), value);
    }
    arena_free(a);
    return strbuf_take(&out);
}

#define EVERYTHING                                                                                 \
    "{\"memory\": {\"limit\": 100, \"swap\": 150, \"reservation\": 50},"                           \
    " \"cpu\": {\"shares\": 1024, \"quota\": 12345, \"period\": 100000, \"cpus\": \"0-2,7,9\"},"   \
    " \"pids\": {\"limit\": 10}, \"blockIO\": {\"weight\": 500, \"throttleReadBpsDevice\":"        \
    "   [{\"major\": 8, \"minor\": 0, \"rate\": 1024}], \"weightDevice\":"                         \
    "   [{\"major\": 8, \"minor\": 16, \"weight\": 10}]}}"

static void test_scope_properties_v2(void)
{
    static const struct cgroup_set v2 = {
        .groups = {{"/g", "/", ~0u, true}}, .count = 1, .unified = 0};
    CLEANUP(free) char *text = properties_of(EVERYTHING, &v2);
    CHECK_STR(text, "MemoryMax=100\nMemorySwapMax=50\nMemoryLow=50\nCPUWeight=100\n"
                    "CPUQuotaPerSecUSec=130000\nCPUQuotaPeriodUSec=100000\nAllowedCPUs=[135,2]\n"
                    "TasksMax=10\nIOWeight=4950\nIODeviceWeight=[[\"/dev/block/8:16\",1]]\n"
                    "IOReadBandwidthMax=[[\"/dev/block/8:0\",1024]]\n");
    CLEANUP(free)
    char *unlimited = properties_of("{\"memory\": {\"limit\": -1, \"swap\": -1},"
                                    " \"pids\": {\"limit\": -1}, \"cpu\": {\"quota\": -1}}",
                                    &v2);
    CHECK_STR(unlimited, "MemoryMax=-1\nMemorySwapMax=-1\nCPUQuotaPerSecUSec=-1\nTasksMax=-1\n");
    CLEANUP(free)
    char *unified = properties_of("{\"unified\": {\"memory.high\": \"max\", \"pids.max\": \"5\","
                                  " \"cpu.max\": \"1000 50000\", \"cpuset.mems\": \"0\","
                                  " \"hugetlb.2MB.max\": \"0\", \"memory.min\": \"x\"}}",
                                  &v2);
    CHECK_STR(unified, "MemoryHigh=-1\nTasksMax=5\nCPUQuotaPerSecUSec=20000\n"
                       "CPUQuotaPeriodUSec=50000\nAllowedMemoryNodes=[1]\n");
}

static void test_scope_properties_v1(void)
{
    static const struct cgroup_set v1 = {
        .groups = {{"/g", "/", ~0u, false}}, .count = 1, .unified = -1};
    CLEANUP(free) char *text = properties_of(EVERYTHING, &v1);
    CHECK_STR(text, "MemoryLimit=100\nCPUShares=1024\nCPUQuotaPerSecUSec=130000\n"
                    "CPUQuotaPeriodUSec=100000\nTasksMax=10\nBlockIOWeight=500\n"
                    "BlockIOReadBandwidth=[[\"/dev/block/8:0\",1024]]\n");
}

static void test_scope_properties_devices(void)
{
    static const struct cgroup_set v2 = {
        .groups = {{"/g", "/", ~0u, true}}, .count = 1, .unified = 0};
    CLEANUP(free)
    char *all = properties_of("{\"devices\": [{\"allow\": true, \"access\": \"rwm\"}]}", &v2);
    CHECK_STR(all, "DevicePolicy=\"auto\"\nDeviceAllow=[]\n");
    CLEANUP(free)
    char *some = properties_of("{\"devices\": [{\"allow\": false}, {\"allow\": true, \"type\":"
                               " \"b\", \"major\": 8, \"access\": \"r\"}]}",
                               &v2);
    CHECK(str_starts(some, "DevicePolicy=\"strict\"\nDeviceAllow=[]\n"
                           "DeviceAllow=[[\"block-8\",\"r\"],[\"char-*\",\"m\"],"));
}

static const struct test tests[] = {
    TEST(test_scope_place),
    TEST(test_scope_place_refused),
    TEST(test_scope_property),
    TEST(test_scope_property_refused),
    TEST(test_scope_properties_v2),
    TEST(test_scope_properties_v1),
    TEST(test_scope_properties_devices),
};
TEST_MAIN(tests)
