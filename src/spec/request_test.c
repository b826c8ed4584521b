// SPDX-License-Identifier: Apache-2.0
/* The two inputs of a spec, image configs and requests, and the small texts in them. */
#include "spec/request.h"

#include "base/json.h"
#include "base/test.h"

static int parse_image(const char *text, struct image_config *ret, json_t **json,
                       struct error **err)
{
    CHECK_OK(json_parse(text, strlen(text), "test", json, err), *err);
    return image_config_parse(*json, ret, err);
}

static void test_request_image_config(void)
{
    struct image_config c;
    CLEANUP(json) json_t *json = NULL;
    CLEANUP(error) struct error *err = NULL;
    CHECK_OK(parse_image("{\"architecture\":\"arm64\",\"os\":\"linux\",\"variant\":\"v8\","
                         "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:a\"]},"
                         "\"config\":{\"User\":\"\",\"Env\":[\"A=1\"],\"Cmd\":[],"
                         "\"Entrypoint\":null,\"Volumes\":{\"/data\":{}},"
                         "\"ExposedPorts\":{\"80/tcp\":{}},\"Labels\":{\"k\":\"v\"},"
                         "\"Healthcheck\":{\"Test\":[\"NONE\"]},\"Shell\":[\"/bin/sh\"],"
                         "\"OnBuild\":[\"RUN x\"],\"WorkingDir\":\"/w\"}}",
                         &c, &json, &err),
             err);
    CHECK_STR(c.architecture, "arm64");
    CHECK_STR(c.variant, "v8");
    CHECK_STR(c.user, NULL);
    CHECK_STR(c.working_dir, "/w");
    CHECK(c.cmd_set && c.cmd.count == 0);
    CHECK(!c.entrypoint_set);
    CHECK_STR(c.volumes.items[0], "/data");
    CHECK_STR(c.exposed_ports.items[0], "80/tcp");
    CHECK_STR(c.diff_ids.items[0], "sha256:a");
    CHECK_STR(c.shell.items[0], "/bin/sh");
    CHECK_STR(c.on_build.items[0], "RUN x");
    CHECK(json_object_get(c.labels, "k"));
    CHECK(c.healthcheck);
    image_config_done(&c);
}

static void test_request_image_config_wrong(void)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"[]", "image config must be an object"},
        {"{\"config\":[]}", "image config: 'config' must be an object"},
        {"{\"config\":{\"Env\":\"A=1\"}}", "image config: config: 'Env' must be an array"},
        {"{\"config\":{\"Env\":[1]}}", "image config: config: 'Env' must be an array of strings"},
        {"{\"config\":{\"User\":0}}", "image config: config: 'User' must be a string"},
        {"{\"config\":{\"Volumes\":[\"/a\"]}}",
         "image config: config: 'Volumes' must be an object"},
        {"{\"rootfs\":{\"diff_ids\":{}}}", "image config: rootfs: 'diff_ids' must be an array"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct image_config c;
        CLEANUP(json) json_t *json = NULL;
        CLEANUP(error) struct error *err = NULL;
        CHECK(parse_image(cases[i].text, &c, &json, &err) < 0);
        CHECK_STR(err->message, cases[i].message);
    }
}

static void test_request_to_json(void)
{
    struct run_request r = {.image = "nginx", .remove = true, .memory = {true, 64}};
    strv_add(&r.command, "ls");
    strv_add(&r.command, "\xff");
    CLEANUP(json) json_t *json = run_request_to_json(&r);
    CLEANUP(free) char *text = json_dumps(json, JSON_COMPACT);
    CHECK_STR(text, "{\"image\":\"nginx\",\"command\":[\"ls\",\"?\"],\"remove\":true,"
                    "\"memory\":64}");
    run_request_done(&r);
    CHECK(!r.command.items);
}

static char *lookup(const char *key)
{
    static char value[] = "from host";
    return str_equal(key, "HOSTVAR") ? value : NULL;
}

static void test_request_env_file(void)
{
    CLEANUP(strv) struct strv v = {0};
    CLEANUP(error) struct error *err = NULL;
    CHECK_OK(env_file_parse("\xef\xbb\xbf# comment\nA=1\r\n\n  B= two words # kept\nHOSTVAR\nNONE\n"
                            "EMPTY=\n   # indented",
                            "f", lookup, &v, &err),
             err);
    CLEANUP(free) char *all = strv_join(&v, "|");
    CHECK_STR(all, "A=1|B= two words # kept|HOSTVAR=from host|EMPTY=");
    CHECK(env_file_parse("A=1\nB C=2\n", "f.env", NULL, &v, &err) < 0);
    CHECK_STR(err->message, "'f.env' line 2: variable 'B C' contains whitespace");
    error_free(take_ptr(err));
    CHECK(env_file_parse("=1", "f.env", NULL, &v, &err) < 0);
    CHECK_STR(err->message, "'f.env' line 1: no variable name");
}

static void test_request_restart_policy(void)
{
    const char *policy = NULL;
    int max = -1;
    CHECK_INT(restart_policy_parse(NULL, &policy, &max, NULL), 0);
    CHECK_STR(policy, "no");
    CHECK_INT(max, 0);
    CHECK_INT(restart_policy_parse("on-failure:5", &policy, &max, NULL), 0);
    CHECK_STR(policy, "on-failure");
    CHECK_INT(max, 5);
    CHECK_INT(restart_policy_parse("unless-stopped", &policy, &max, NULL), 0);
    CHECK_STR(policy, "unless-stopped");
    CHECK(restart_policy_parse("on-failure:-1", &policy, &max, NULL) < 0);
    CHECK(restart_policy_parse("on", &policy, &max, NULL) < 0);
    CHECK(restart_policy_parse("always:", &policy, &max, NULL) < 0);
}

static const struct test tests[] = {
    TEST(test_request_image_config),   TEST(test_request_image_config_wrong),
    TEST(test_request_to_json),        TEST(test_request_env_file),
    TEST(test_request_restart_policy),
};
TEST_MAIN(tests)
