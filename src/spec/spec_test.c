// SPDX-License-Identifier: Apache-2.0
/* Reading and writing config.json: what goes in comes out, and what is wrong is named. */
#include "spec/spec.h"

#include <fcntl.h>

#include "base/file.h"
#include "base/json.h"
#include "base/test.h"
#include "spec/json_number.h"

#define MINIMAL "\"ociVersion\":\"1.2.1\""

static struct spec *parse(const char *text, struct error **err)
{
    CLEANUP(json) json_t *json = NULL;
    struct spec *s = NULL;
    if (json_number_parse(text, strlen(text), "config.json", &json, err) < 0 ||
        spec_parse(json, "config.json", &s, err) < 0) {
        return NULL;
    }
    return s;
}

/* Text → spec → text → spec → text: both texts are the same. */
static void check_round_trip(const char *text)
{
    CLEANUP(error) struct error *err = NULL;
    CLEANUP(spec) struct spec *first = parse(text, &err);
    CHECK_OK(first ? 0 : -1, err);
    CLEANUP(json) json_t *first_json = spec_to_json(first);
    CLEANUP(free) char *written = json_number_dump(first_json, JSON_INDENT(2));
    CLEANUP(spec) struct spec *second = parse(written, &err);
    CHECK_OK(second ? 0 : -1, err);
    CLEANUP(json) json_t *second_json = spec_to_json(second);
    CLEANUP(free) char *again = json_number_dump(second_json, JSON_INDENT(2));
    CHECK_STR(again, written);
}

static char *test_data(const char *name)
{
    CLEANUP(free)
    char *path = str_format("%s/src/spec/testdata/%s", str_or(getenv("SOURCE_ROOT"), "."), name);
    CLEANUP(error) struct error *err = NULL;
    char *text = NULL;
    CHECK_OK(file_read(AT_FDCWD, path, 1 << 20, &text, NULL, &err), err);
    return text;
}

/* everything.json holds every property of the specification's Linux part: nothing may be lost. */
static void test_spec_loses_nothing(void)
{
    CLEANUP(free) char *text = test_data("everything.json");
    CLEANUP(error) struct error *err = NULL;
    CLEANUP(spec) struct spec *s = parse(text, &err);
    CHECK_OK(s ? 0 : -1, err);
    CLEANUP(json) json_t *written = spec_to_json(s);
    CLEANUP(free) char *actual = json_number_dump(written, JSON_INDENT(2) | JSON_SORT_KEYS);
    CLEANUP(json) json_t *given = NULL;
    CHECK_OK(json_number_parse(text, strlen(text), "everything.json", &given, &err), err);
    CLEANUP(free) char *expected = json_number_dump(given, JSON_INDENT(2) | JSON_SORT_KEYS);
    CHECK_STR(actual, expected);
    check_round_trip(text);
}

static void test_spec_reads_peers(void)
{
    static const char *const files[] = {"crun-spec.json", "runc-spec.json"};
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        CLEANUP(free) char *text = test_data(files[i]);
        CLEANUP(error) struct error *err = NULL;
        CLEANUP(spec) struct spec *s = parse(text, &err);
        CHECK_OK(s ? 0 : -1, err);
        CHECK_OK(spec_validate(s, &err), err);
        CHECK_STR(s->process.args[0], "sh");
        CHECK_INT(s->mount_count, 7);
        CHECK(s->linux_.resources.devices[0].type == 'a' && !s->linux_.resources.devices[0].allow);
        check_round_trip(text);
    }
}

static void test_spec_unlimited(void)
{
    CLEANUP(error) struct error *err = NULL;
    CLEANUP(spec)
    struct spec *s =
        parse("{" MINIMAL ",\"process\":{\"rlimits\":[{\"type\":\"RLIMIT_CORE\","
              "\"hard\":18446744073709551615,\"soft\": 9223372036854775808 }]},"
              "\"annotations\":{\"a\":\"18446744073709551615\",\"b\":\"say \\\"12\\\"\"}}",
              &err);
    CHECK_OK(s ? 0 : -1, err);
    CHECK(s->process.rlimits[0].hard == UINT64_MAX);
    CHECK(s->process.rlimits[0].soft == UINT64_C(1) << 63);
    CLEANUP(json) json_t *json = spec_to_json(s);
    CLEANUP(free) char *text = json_number_dump(json, JSON_COMPACT);
    CHECK(strstr(text, "\"hard\":18446744073709551615"));
    CHECK(strstr(text, "\"a\":\"18446744073709551615\""));
    check_round_trip(text);
}

/* An array that was read can grow: the wall adds to it. */
static void test_spec_grows_after_reading(void)
{
    CLEANUP(error) struct error *err = NULL;
    for (size_t n = 0; n < 18; n++) {
        CLEANUP(strbuf) struct strbuf text = {0};
        strbuf_adds(&text, "{" MINIMAL ",\"process\":{\"env\":[");
        for (size_t i = 0; i < n; i++) {
            strbuf_addf(&text, "%s\"v%zu\"", i ? "," : "", i);
        }
        strbuf_adds(&text, "]}}");
        CLEANUP(spec) struct spec *s = parse(text.data, &err);
        CHECK_OK(s ? 0 : -1, err);
        for (size_t i = 0; i < 20; i++) {
            spec_add_string(s->arena, &s->process.env, &s->process.env_count, "more");
        }
        CHECK_INT(s->process.env_count, n + 20);
        if (n) {
            CHECK_STR(s->process.env[0], "v0");
        }
    }
}

static void test_spec_ignores_unknown(void)
{
    CLEANUP(error) struct error *err = NULL;
    CLEANUP(spec)
    struct spec *s = parse("{" MINIMAL ",\"newThing\":{\"a\":1},\"hostname\":null,"
                           "\"process\":{\"future\":true,\"capabilities\":"
                           "{\"bounding\":[\"CAP_FUTURE\",\"CAP_KILL\"]}}}",
                           &err);
    CHECK_OK(s ? 0 : -1, err);
    CHECK_STR(s->hostname, NULL);
    CHECK(s->process.capabilities.bounding == UINT64_C(1) << 5);
}

static void test_spec_names_what_is_wrong(void)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"[]", "config.json: must be an object"},
        {"{}", "config.json: 'ociVersion' is missing"},
        {"{\"ociVersion\":1}", "config.json: 'ociVersion' must be a string"},
        {"{" MINIMAL ",\"process\":{\"user\":{\"uid\":\"0\"}}}",
         "config.json: process.user: 'uid' must be an integer"},
        {"{" MINIMAL ",\"process\":{\"user\":{\"uid\":-1}}}",
         "config.json: process.user.uid: -1 is outside 0 to 4294967295"},
        {"{" MINIMAL ",\"process\":{\"user\":{\"uid\":1.0}}}",
         "config.json: process.user: 'uid' must be an integer"},
        {"{" MINIMAL ",\"process\":{\"args\":[\"a\",2]}}",
         "config.json: process.args[1]: must be a string"},
        {"{" MINIMAL ",\"process\":{\"terminal\":\"yes\"}}",
         "config.json: process: 'terminal' must be true or false"},
        {"{" MINIMAL ",\"mounts\":[{\"destination\":\"/a\"},{\"type\":\"x\"}]}",
         "config.json: mounts[1]: 'destination' is missing"},
        {"{" MINIMAL ",\"linux\":{\"namespaces\":[{\"type\":\"pidd\"}]}}",
         "config.json: linux.namespaces[0].type: 'pidd' is not known"},
        {"{" MINIMAL ",\"linux\":{\"devices\":[{\"type\":\"x\",\"path\":\"/x\"}]}}",
         "config.json: linux.devices[0].type: must be 'c', 'b', 'u' or 'p'"},
        {"{" MINIMAL ",\"linux\":{\"resources\":{\"rdma\":{\"mlx\":{\"hcaHandles\":\"a\"}}}}}",
         "config.json: linux.resources.rdma.mlx: 'hcaHandles' must be an integer"},
        {"{" MINIMAL ",\"linux\":{\"resources\":{\"memory\":{\"limit\":18446744073709551615}}}}",
         "config.json: linux.resources.memory: 'limit' must be an integer"},
        {"{" MINIMAL ",\"linux\":{\"seccomp\":{}}}",
         "config.json: linux.seccomp: 'defaultAction' is missing"},
        {"{" MINIMAL ",\"annotations\":{\"a\":1}}",
         "config.json: annotations: 'a' must be a string"},
        {"{" MINIMAL ",\"hooks\":{\"prestart\":{}}}",
         "config.json: hooks: 'prestart' must be an array"},
        {"{" MINIMAL, "config.json is not valid JSON: line 1: '}' expected near end of file"},
        {"{" MINIMAL ",\"a\":99999999999999999999}",
         "config.json is not valid JSON: line 1: too big integer near '99999999999999999999'"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        CLEANUP(error) struct error *err = NULL;
        CLEANUP(spec) struct spec *s = parse(cases[i].text, &err);
        CHECK(!s && err);
        CHECK_STR(err->message, cases[i].message);
        CHECK_INT(err->kind, ERROR_INVALID_INPUT);
    }
}

static void test_spec_capability_names(void)
{
    CHECK_INT(spec_capability_number("CAP_CHOWN"), 0);
    CHECK_INT(spec_capability_number("net_admin"), 12);
    CHECK_INT(spec_capability_number("cap_checkpoint_restore"), 40);
    CHECK(spec_capability_number("CAP_") < 0);
    CHECK(spec_capability_number("NOPE") < 0);
    CHECK_STR(spec_capability_name(40), "CAP_CHECKPOINT_RESTORE");
    CHECK_STR(spec_capability_name(41), NULL);
    CHECK_STR(spec_capability_name(-1), NULL);
}

static const struct test tests[] = {
    TEST(test_spec_loses_nothing),    TEST(test_spec_reads_peers),
    TEST(test_spec_unlimited),        TEST(test_spec_grows_after_reading),
    TEST(test_spec_ignores_unknown),  TEST(test_spec_names_what_is_wrong),
    TEST(test_spec_capability_names),
};
TEST_MAIN(tests)
