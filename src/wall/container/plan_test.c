// SPDX-License-Identifier: Apache-2.0
/* Plans as text: testdata/<name>.json is a spec, testdata/<name>.plan what is planned for it.
 * UPDATE=1 writes the latter anew. What depends on the host's cgroups is left out. */
#include "wall/container/plan.h"

#include <fcntl.h>

#include "base/file.h"
#include "base/json.h"
#include "base/test.h"
#include "wall/container/foreign.h"
#include "wall/container/plan_parts.h"
#include "wall/wall.h"

/* The lines of the text that are the same on every host. */
static char *without_cgroups(const char *text)
{
    struct strv lines = {0};
    struct strbuf out = {0};
    strv_split(&lines, text, '\n');
    for (size_t i = 0; i < lines.count; i++) {
        const char *line = lines.items[i];
        bool host = str_starts(line, "cgroup ") || str_starts(line, "cgroup join") ||
                    str_starts(line, "limit ") || str_starts(line, "device rules") ||
                    (strstr(line, "cgroup") && str_starts(line, "mount "));
        if (!host && *line) {
            strbuf_addf(&out, "%s\n", line);
        }
    }
    strv_done(&lines);
    return strbuf_take(&out);
}

static char *testdata(const char *name, const char *suffix)
{
    return str_format("%s/src/wall/container/testdata/%s.%s", str_or(getenv("SOURCE_ROOT"), "."),
                      name, suffix);
}

static int plan_of(const char *name, struct wall_rootfs rootfs, struct spec **ret_spec,
                   struct plan **ret, struct error **err)
{
    CLEANUP(free) char *path = testdata(name, "json");
    int r = spec_load_path(AT_FDCWD, path, ret_spec, err);
    if (r < 0) {
        return r;
    }
    const struct wall_params params = {
        .id = "web",
        .spec = *ret_spec,
        .bundle = "/bundle",
        .state_dir = "/run/cloison/web",
        .rootfs = rootfs,
    };
    return wall_container.plan(&params, ret, err);
}

/* Compares with, or writes, the stored plan. */
static void check_plan(const char *name, struct wall_rootfs rootfs)
{
    CLEANUP(error) struct error *err = NULL;
    CLEANUP(spec) struct spec *spec = NULL;
    CLEANUP(plan) struct plan *plan = NULL;
    CLEANUP(strbuf) struct strbuf text = {0};
    CLEANUP(free) char *path = testdata(name, "plan"), *expected = NULL, *actual = NULL;
    CHECK_OK(plan_of(name, rootfs, &spec, &plan, &err), err);
    CHECK_OK(wall_container.describe(plan, WALL_TEXT, &text, &err), err);
    actual = without_cgroups(text.data);
    if (getenv("UPDATE")) {
        CHECK_OK(
            file_write_atomic(AT_FDCWD, path, actual, strlen(actual), 0644, FILE_NO_SYNC, &err),
            err);
        return;
    }
    CHECK_OK(file_read(AT_FDCWD, path, 1 << 20, &expected, NULL, &err), err);
    CHECK_STR(actual, expected);
}

static const char *const two_layers[] = {"/store/top", "/store/base"};
static const struct wall_rootfs folder = {.path = "rootfs"};
static const struct wall_rootfs overlay = {
    .layers = two_layers,
    .layer_count = 2,
    .upper = "/containers/web/upper",
    .work = "/containers/web/work",
};

static void test_plan_ordinary(void)
{
    check_plan("ordinary", overlay);
}

static void test_plan_user_namespace(void)
{
    check_plan("user", overlay);
}

static void test_plan_joined(void)
{
    check_plan("joined", folder);
}

static void test_plan_process(void)
{
    check_plan("process", folder);
}

static void test_plan_mounts(void)
{
    check_plan("mounts", folder);
}

static void test_plan_hooks(void)
{
    check_plan("hooks", folder);
}

/* Every step of the JSON has what a machine asks for first. */
static void test_plan_json(void)
{
    CLEANUP(error) struct error *err = NULL;
    CLEANUP(spec) struct spec *spec = NULL;
    CLEANUP(plan) struct plan *plan = NULL;
    CLEANUP(strbuf) struct strbuf text = {0};
    CLEANUP(json) json_t *list = NULL;
    CHECK_OK(plan_of("process", folder, &spec, &plan, &err), err);
    CHECK_OK(wall_container.describe(plan, WALL_JSON, &text, &err), err);
    CHECK_OK(json_parse(text.data, text.len, "the plan", &list, &err), err);
    CHECK_INT(json_array_size(list), plan->step_count);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *o = json_array_get(list, i);
        CHECK(json_is_string(json_object_get(o, "step")));
        CHECK(json_is_string(json_object_get(o, "phase")));
        CHECK(json_string_length(json_object_get(o, "text")) > 0);
    }
}

/* What a plan must end with, whatever the spec: nothing comes behind the exec. */
static void test_plan_ends_with_exec(void)
{
    static const char *const names[] = {"ordinary", "user", "joined", "process", "mounts", "hooks"};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        CLEANUP(error) struct error *err = NULL;
        CLEANUP(spec) struct spec *spec = NULL;
        CLEANUP(plan) struct plan *plan = NULL;
        CHECK_OK(plan_of(names[i], folder, &spec, &plan, &err), err);
        CHECK_INT(plan->steps[plan->step_count - 1].kind, STEP_EXEC);
        for (size_t j = 0; j + 1 < plan->step_count; j++) {
            CHECK(plan->steps[j].kind != STEP_EXEC);
        }
    }
}

/* The plan points nowhere into the spec: it can be described when that is gone. */
static void test_plan_outlives_spec(void)
{
    CLEANUP(error) struct error *err = NULL;
    CLEANUP(plan) struct plan *plan = NULL;
    CLEANUP(strbuf) struct strbuf before = {0}, after = {0};
    struct spec *spec = NULL;
    CHECK_OK(plan_of("process", folder, &spec, &plan, &err), err);
    CHECK_OK(wall_container.describe(plan, WALL_TEXT, &before, &err), err);
    spec_free(spec);
    CHECK_OK(wall_container.describe(plan, WALL_TEXT, &after, &err), err);
    CHECK_STR(after.data, before.data);
}

static void test_plan_clean_path(void)
{
    static const char *const pairs[][2] = {
        {"/", ""},        {"/a/b", "a/b"},    {"a//b/./c/", "a/b/c"},  {"/../../x", "x"},
        {"/a/../b", "b"}, {"/a/b/../..", ""}, {"/..a/b..", "..a/b.."}, {"", ""},
    };
    CLEANUP(arena) struct arena *a = arena_new();
    for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
        CHECK_STR(plan_clean_path(a, pairs[i][0]), pairs[i][1]);
    }
}

static void test_plan_foreign_source(void)
{
    CHECK(foreign_is("/proc/42/root/dev/shm"));
    CHECK(!foreign_is("/proc/self/root/x"));
    CHECK(!foreign_is("/proc/42/rootfs"));
    CHECK(!foreign_is("/proc/"));
    CHECK(!foreign_is("/srv/proc/42/root/x"));
}

/* Specs that parse but cannot be done: each with the words that must be in the error. */
static void test_plan_refuses(void)
{
    static const struct {
        const char *json, *words;
    } cases[] = {
        {"{\"linux\":{\"namespaces\":[{\"type\":\"user\"}]}}", "without a mount namespace"},
        {"{\"mounts\":[{\"destination\":\"/proc\",\"type\":\"tmpfs\"}]}", "only procfs"},
        {"{\"mounts\":[{\"destination\":\"/a/../proc/sys\",\"type\":\"tmpfs\"}]}",
         "inside '/proc'"},
        {"{\"mounts\":[{\"destination\":\"/x\",\"type\":\"bind\"}]}", "source"},
        {"{\"mounts\":[{\"destination\":\"/x\",\"type\":\"bind\",\"source\":\"/y\","
         "\"options\":[\"nosiud\"]}]}",
         "no option 'nosiud'"},
        {"{\"linux\":{\"rootfsPropagation\":\"sideways\",\"namespaces\":[{\"type\":\"mount\"}]}}",
         "sideways"},
        {"{\"linux\":{\"personality\":{\"domain\":\"AMIGA\"},"
         "\"namespaces\":[{\"type\":\"mount\"}]}}",
         "AMIGA"},
        {"{\"process\":{\"cwd\":\"/\",\"args\":[\"x\"],\"rlimits\":"
         "[{\"type\":\"RLIMIT_X\",\"soft\":1,\"hard\":1}]}}",
         "RLIMIT_X"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        CLEANUP(error) struct error *err = NULL;
        CLEANUP(json) json_t *o = json_loads(cases[i].json, 0, NULL);
        CLEANUP(json)
        json_t *base = json_loads("{\"ociVersion\":\"1.2.0\",\"root\":{\"path\":\"rootfs\"},"
                                  "\"process\":{\"cwd\":\"/\",\"args\":[\"x\"]},"
                                  "\"linux\":{\"namespaces\":[{\"type\":\"mount\"}]}}",
                                  0, NULL);
        CLEANUP(spec) struct spec *spec = NULL;
        CLEANUP(plan) struct plan *plan = NULL;
        CHECK(o && json_object_update(base, o) == 0);
        int r = spec_parse(base, "test", &spec, &err);
        if (r >= 0) {
            const struct wall_params params = {
                .id = "web", .spec = spec, .state_dir = "/run/x", .bundle = "/b", .rootfs = folder};
            r = wall_container.plan(&params, &plan, &err);
        }
        CHECK(r < 0);
        CHECK(strstr(err->message, cases[i].words));
    }
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(test_plan_ordinary),   TEST(test_plan_user_namespace), TEST(test_plan_joined),
        TEST(test_plan_process),    TEST(test_plan_mounts),         TEST(test_plan_hooks),
        TEST(test_plan_json),       TEST(test_plan_ends_with_exec), TEST(test_plan_outlives_spec),
        TEST(test_plan_clean_path), TEST(test_plan_foreign_source), TEST(test_plan_refuses),
    };
    return test_main(tests, ARRAY_SIZE(tests), argc, argv);
}
