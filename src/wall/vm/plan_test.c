// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"
#include "base/test.h"
#include "wall/vm/vm.h"

static const char base[] = "{\"ociVersion\":\"1.2.0\",\"process\":{\"args\":[\"sh\"],\"cwd\":\"/"
                           "\",\"user\":{\"uid\":0,\"gid\":0}},"
                           "\"root\":{\"path\":\"rootfs\"},\"linux\":{\"namespaces\":[{\"type\":"
                           "\"pid\"},{\"type\":\"mount\"},"
                           "{\"type\":\"network\"}]}}";

/* The plan of the base spec with one object merged into its "linux", and one list of mounts. */
static int plan_of(const char *more, const char *mounts, struct plan **ret, struct error **err)
{
    static const char *const layers[] = {"/layers/top", "/layers/base"};
    CLEANUP(json) json_t *json = NULL;
    CLEANUP(json) json_t *linux_json = NULL;
    CLEANUP(json) json_t *mount_list = NULL;
    CLEANUP(spec) struct spec *spec = NULL;
    CHECK(json_parse(base, strlen(base), "base", &json, err) >= 0);
    CHECK(json_parse(more, strlen(more), "more", &linux_json, err) >= 0);
    CHECK(json_parse(mounts, strlen(mounts), "mounts", &mount_list, err) >= 0);
    (void)json_object_update(json_object_get(json, "linux"), linux_json);
    (void)json_object_set(json, "mounts", mount_list);
    CHECK_OK(spec_parse(json, "spec", &spec, err), *err);
    const struct wall_params params = {
        .id = "x",
        .spec = spec,
        .bundle = "/c",
        .no_cgroups = true, /* each host has others */
        .state_dir = "/run/x",
        .cache_dir = "/cache",
        .rootfs = {.layers = layers, .layer_count = 2, .upper = "/c/upper", .work = "/c/w"}};
    return vm_plan(&params, ret, err);
}

static void test_plan_ordinary(void)
{
    CLEANUP(error) struct error *err = NULL;
    CLEANUP(strbuf) struct strbuf text = {0};
    struct plan *p = NULL;
    CHECK_OK(
        plan_of("{}",
                "[{\"destination\":\"/etc/hostname\",\"type\":\"bind\",\"source\":\"/c/hostname\","
                "\"options\":[\"rbind\"]},{\"destination\":\"/proc\",\"type\":\"proc\"},"
                "{\"destination\":\"/x\",\"type\":\"bind\",\"source\":\"/etc\",\"options\":"
                "[\"ro\"]},{\"destination\":\"/y\",\"source\":\"/etc/passwd\",\"options\":"
                "[\"bind\"]}]",
                &p, &err),
        err);
    CHECK_OK(vm_describe(p, WALL_TEXT, &text, &err), err);
    CHECK_STR(text.data, "machine    1 processors, 512 MiB of memory\n"
                         "kernel     the newest under /boot\n"
                         "disk       layer0, read-only EROFS of '/layers/top'\n"
                         "disk       layer1, read-only EROFS of '/layers/base'\n"
                         "disk       disk, writable ext4 of at most 10240 MiB in '/c/w/disk.ext4'\n"
                         "file       '/c/hostname' as /run/files/0\n"
                         "share      '/etc' as /run/shares/0, read-only\n"
                         "share      '/etc/passwd' as /run/shares/1\n"
                         "agent      applies the spec inside\n"
                         "monitor    by KVM: in mount, pid, network, ipc, uts, user and cgroup "
                         "namespaces of its own, without a capability, with a list of system "
                         "calls\n");
    CHECK_STR(json_string_value(
                  json_object_get(json_array_get(json_object_get(p->spec, "mounts"), 0), "source")),
              "/run/files/0");
    vm_plan_free(p);
}

static void test_plan_follows_the_limits(void)
{
    CLEANUP(error) struct error *err = NULL;
    struct plan *p = NULL;
    CHECK_OK(plan_of("{\"resources\":{\"memory\":{\"limit\":134217728},"
                     "\"cpu\":{\"quota\":250000,\"period\":100000}}}",
                     "[]", &p, &err),
             err);
    CHECK_INT(p->cpus, 3);
    CHECK_INT(p->memory_bytes, 128 << 20);
    vm_plan_free(p);
}

static void test_plan_says_what_cannot_be(void)
{
    static const struct {
        const char *more, *mounts, *message;
    } rows[] = {
        {"{\"namespaces\":[{\"type\":\"pid\"}]}", "[]",
         "the vm wall cannot use the host's network: a machine has its own"},
        {"{\"namespaces\":[{\"type\":\"network\"},{\"type\":\"ipc\",\"path\":\"/proc/5/ns/ipc\"}]}",
         "[]", "the vm wall cannot join another's ipc namespace"},
        {"{\"namespaces\":[{\"type\":\"network\",\"path\":\"/proc/5/ns/net\"}]}", "[]",
         "the vm wall cannot join another's network namespace"},
        {"{}",
         "[{\"destination\":\"/x\",\"type\":\"bind\",\"source\":\"/dev/null\",\"options\":[]}]",
         "the vm wall cannot bind '/dev/null': a socket, pipe or device of the host means nothing "
         "to "
         "a machine's kernel"},
        {"{}",
         "[{\"destination\":\"/x\",\"type\":\"overlay\",\"source\":\"overlay\",\"options\":["
         "\"ro\",\"lowerdir=/b:/a\"]}]",
         "the vm wall cannot mount the overlay of folders on '/x' yet"},
        {"{\"resources\":{\"memory\":{\"limit\":16777216}}}", "[]",
         "a machine needs at least 96 MiB of memory, not 16"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CLEANUP(error) struct error *err = NULL;
        struct plan *p = NULL;
        CHECK(plan_of(rows[i].more, rows[i].mounts, &p, &err) < 0);
        CHECK_STR(err->message, rows[i].message);
    }
}

static const struct test tests[] = {
    TEST(test_plan_ordinary),
    TEST(test_plan_follows_the_limits),
    TEST(test_plan_says_what_cannot_be),
};
TEST_MAIN(tests)
