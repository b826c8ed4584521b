// SPDX-License-Identifier: Apache-2.0
/* Spec and layout in, described groups and writes out, on the three kinds of host. */
#include <jansson.h>

#include "base/json.h"
#include "base/test.h"
#include "wall/container/cgroup_convert.h"
#include "wall/container/cgroup_layout.h"

static const char v1_cgroup[] = "9:devices:/ssh\n8:freezer:/ssh\n7:pids:/ssh\n6:blkio:/ssh\n"
                                "5:cpuset:/\n4:cpu,cpuacct:/ssh\n3:memory:/ssh\n"
                                "2:hugetlb:/\n1:name=systemd:/ssh\n";
static const char v1_mounts[] =
    "30 23 0:26 / /sys/fs/cgroup ro - tmpfs tmpfs ro,mode=755\n"
    "31 30 0:27 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n"
    "32 30 0:28 / /sys/fs/cgroup/memory rw shared:9 - cgroup cgroup rw,memory\n"
    "33 30 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
    "34 30 0:30 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
    "35 30 0:31 / /sys/fs/cgroup/blkio rw - cgroup cgroup rw,blkio\n"
    "36 30 0:32 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n"
    "37 30 0:33 / /sys/fs/cgroup/devices rw - cgroup cgroup rw,devices\n"
    "38 30 0:34 / /sys/fs/cgroup/freezer rw - cgroup cgroup rw,freezer\n"
    "39 30 0:35 / /sys/fs/cgroup/hugetlb rw - cgroup cgroup rw,hugetlb\n"
    "40 30 0:28 / /other/memory rw - cgroup cgroup rw,memory\n";
static const char v2_cgroup[] = "0::/user.slice/session-1.scope\n";
static const char v2_mounts[] =
    "24 18 0:22 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n";
static const char hybrid_cgroup[] = "3:memory:/\n2:cpu:/\n1:pids:/\n0::/\n";
static const char hybrid_mounts[] =
    "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
    "33 31 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
    "34 31 0:31 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n"
    "35 31 0:32 / /sys/fs/cgroup/cpuacct rw - cgroup cgroup rw,cpuacct\n"
    "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";

struct host {
    const char *cgroup, *mounts, *v2_controllers;
};
static const struct host v1 = {v1_cgroup, v1_mounts, NULL};
static const struct host v2 = {v2_cgroup, v2_mounts,
                               "cpuset cpu io memory hugetlb pids rdma misc\n"};
static const struct host hybrid = {hybrid_cgroup, hybrid_mounts, "hugetlb\n"};

static void layout_of(struct arena *a, const struct host *h, struct cgroup_layout *l)
{
    cgroup_layout_parse(a, h->cgroup, h->mounts, l);
    if (h->v2_controllers) {
        cgroup_layout_set_unified(l, h->v2_controllers);
    }
}

static bool systemd; /* the driver of the test that runs */

static int plan_for(struct arena *a, const struct host *h, const char *resources, const char *path,
                    struct cgroup_plan *p, struct error **err)
{
    struct cgroup_layout layout;
    json_t *json = NULL;
    struct spec *s = spec_new();
    layout_of(a, h, &layout);
    CHECK_OK(json_parse(resources, strlen(resources), "resources", &json, err), *err);
    CHECK_OK(spec_parse_resources(a, json, "resources", &s->linux_.resources, err), *err);
    json_decref(json);
    s->linux_.cgroups_path = path;
    int r = cgroup_plan(a, s, "web", systemd, &layout, p, err);
    spec_free(s);
    return r;
}

/* The whole plan as text: a group a line, then a write a line. */
static void check_plan(const struct host *h, const char *resources, const char *path,
                       const char *expected)
{
    struct arena *a = arena_new();
    struct error *err = NULL;
    struct cgroup_plan p;
    CLEANUP(strbuf) struct strbuf text = {0};
    CHECK_OK(plan_for(a, h, resources, path, &p, &err), err);
    for (size_t i = 0; i < p.set.count; i++) {
        cgroup_describe_group(&p, i, &text);
        strbuf_addc(&text, '\n');
    }
    for (size_t i = 0; i < p.write_count; i++) {
        cgroup_describe_write(&p, i, &text);
        strbuf_addc(&text, '\n');
    }
    if (p.device_count) {
        strbuf_addf(&text, "program of %zu rules\n", p.device_count);
    }
    CHECK_STR(text.data, expected);
    arena_free(a);
}

static void check_error(const struct host *h, const char *resources, const char *path,
                        const char *message)
{
    struct arena *a = arena_new();
    struct error *err = NULL;
    struct cgroup_plan p;
    CHECK(plan_for(a, h, resources, path, &p, &err) < 0);
    CHECK_STR(err->message, message);
    error_free(err);
    arena_free(a);
}

#define EVERYTHING                                                                                 \
    "{\"memory\": {\"limit\": 67108864, \"swap\": 134217728, \"reservation\": 33554432},"          \
    " \"cpu\": {\"shares\": 512, \"quota\": 150000, \"period\": 100000, \"cpus\": \"0-1\"},"       \
    " \"pids\": {\"limit\": 100},"                                                                 \
    " \"blockIO\": {\"weight\": 500, \"throttleReadBpsDevice\":"                                   \
    "   [{\"major\": 8, \"minor\": 0, \"rate\": 1048576}]},"                                       \
    " \"hugepageLimits\": [{\"pageSize\": \"2MB\", \"limit\": 4194304}],"                          \
    " \"devices\": [{\"allow\": true, \"type\": \"c\", \"major\": 1, \"minor\": 3,"                \
    "   \"access\": \"rw\"}]}"

static void test_cgroup_plan_v1(void)
{
    check_plan(&v1, EVERYTHING, NULL,
               "/sys/fs/cgroup/memory/cloison/web (v1: memory)\n"
               "/sys/fs/cgroup/cpu,cpuacct/cloison/web (v1: cpu, cpuacct)\n"
               "/sys/fs/cgroup/cpuset/cloison/web (v1: cpuset)\n"
               "/sys/fs/cgroup/blkio/cloison/web (v1: blkio)\n"
               "/sys/fs/cgroup/pids/cloison/web (v1: pids)\n"
               "/sys/fs/cgroup/devices/cloison/web (v1: devices)\n"
               "/sys/fs/cgroup/freezer/cloison/web (v1: freezer)\n"
               "/sys/fs/cgroup/hugetlb/cloison/web (v1: hugetlb)\n"
               "memory.limit_in_bytes = 67108864\n"
               "memory.memsw.limit_in_bytes = 134217728\n"
               "memory.soft_limit_in_bytes = 33554432\n"
               "cpu.shares = 512\n"
               "cpu.cfs_period_us = 100000\n"
               "cpu.cfs_quota_us = 150000\n"
               "cpuset.cpus = 0-1\n"
               "pids.max = 100\n"
               "blkio.weight = 500, else blkio.bfq.weight = 500\n"
               "blkio.throttle.read_bps_device = 8:0 1048576\n"
               "hugetlb.2MB.limit_in_bytes = 4194304\n"
               "hugetlb.2MB.rsvd.limit_in_bytes = 4194304\n"
               "devices.deny = a *:* rwm\n"
               "devices.allow = c 1:3 rw, c *:* m, b *:* m, c 1:3 rwm, c 1:5"
               " rwm, c 1:7 rwm, c 1:8 rwm, c 1:9 rwm, c 5:0 rwm, c 5:2 rwm, c 136:* rwm\n");
}

static void test_cgroup_plan_v2(void)
{
    check_plan(&v2, EVERYTHING, NULL,
               "/sys/fs/cgroup/cloison/web (v2: memory, cpu, cpuset, pids, io, hugetlb)\n"
               "memory.max = 67108864\n"
               "memory.swap.max = 67108864\n"
               "memory.low = 33554432\n"
               "cpu.weight = 59\n"
               "cpu.max = 150000 100000\n"
               "cpuset.cpus = 0-1\n"
               "pids.max = 100\n"
               "io.bfq.weight = 500, else io.weight = 4950\n"
               "io.max = 8:0 rbps=1048576\n"
               "hugetlb.2MB.max = 4194304\n"
               "hugetlb.2MB.rsvd.max = 4194304\n"
               "program of 11 rules\n");
}

static void test_cgroup_plan_hybrid(void)
{
    check_plan(&hybrid,
               "{\"memory\": {\"limit\": 1000}, \"unified\": {\"hugetlb.2MB.max\": \"0\"}}", NULL,
               "/sys/fs/cgroup/cpu/cloison/web (v1: cpu)\n"
               "/sys/fs/cgroup/memory/cloison/web (v1: memory)\n"
               "/sys/fs/cgroup/pids/cloison/web (v1: pids)\n"
               "/sys/fs/cgroup/cpuacct/cloison/web (v1: cpuacct)\n"
               "/sys/fs/cgroup/unified/cloison/web (v2: hugetlb)\n"
               "memory.limit_in_bytes = 1000\n"
               "hugetlb.2MB.max = 0\n");
}

static void test_cgroup_plan_nothing_asked(void)
{
    check_plan(&v2, "{}", NULL, "/sys/fs/cgroup/cloison/web (v2: memory, cpu, pids, io)\n");
    check_plan(&hybrid, "{}", NULL,
               "/sys/fs/cgroup/cpu/cloison/web (v1: cpu)\n"
               "/sys/fs/cgroup/memory/cloison/web (v1: memory)\n"
               "/sys/fs/cgroup/pids/cloison/web (v1: pids)\n"
               "/sys/fs/cgroup/cpuacct/cloison/web (v1: cpuacct)\n"
               "/sys/fs/cgroup/unified/cloison/web (v2)\n");
}

/* The scope's groups, systemd's own hierarchy among them; a limit that leaves its helper no room is
 * systemd's to set. */
static void test_cgroup_plan_systemd(void)
{
    systemd = true;
    check_plan(&v2, "{\"pids\": {\"limit\": 2}, \"memory\": {\"limit\": 1000}}", "a-b.slice:p:web",
               "/sys/fs/cgroup/a.slice/a-b.slice/p-web.scope (v2: memory, cpu, pids, io)\n"
               "memory.max = 1000\n");
    check_plan(&v2, "{\"pids\": {\"limit\": 3}}", NULL,
               "/sys/fs/cgroup/system.slice/cloison-web.scope (v2: memory, cpu, pids, io)\n"
               "pids.max = 3\n");
    check_plan(&v1, "{}", NULL,
               "/sys/fs/cgroup/memory/system.slice/cloison-web.scope (v1: memory)\n"
               "/sys/fs/cgroup/cpu,cpuacct/system.slice/cloison-web.scope (v1: cpu, cpuacct)\n"
               "/sys/fs/cgroup/blkio/system.slice/cloison-web.scope (v1: blkio)\n"
               "/sys/fs/cgroup/pids/system.slice/cloison-web.scope (v1: pids)\n"
               "/sys/fs/cgroup/freezer/system.slice/cloison-web.scope (v1: freezer)\n"
               "/sys/fs/cgroup/systemd/system.slice/cloison-web.scope (v1)\n");
    check_error(&v2, "{}", "/a/b",
                "the cgroups path '/a/b' is not of the form 'slice:prefix:name'");
    systemd = false;
}

static void test_cgroup_plan_paths(void)
{
    check_plan(&v2, "{}", "/docker/web", "/sys/fs/cgroup/docker/web (v2: memory, cpu, pids, io)\n");
    check_plan(&v2, "{}", "a//./web",
               "/sys/fs/cgroup/user.slice/session-1.scope/a/web (v2: memory, cpu, pids, io)\n");
    check_error(&v2, "{}", "/docker/../../web",
                "the cgroups path '/docker/../../web' must not contain '..'");
    check_error(&v2, "{}", "//", "the cgroups path '//' is the root of the hierarchy");
}

static void test_cgroup_plan_lacking_controllers(void)
{
    check_error(&hybrid, "{\"blockIO\": {\"weight\": 100}}", NULL,
                "this host has no blkio or io controller, which the block I/O limit needs");
    check_error(&hybrid, "{\"cpu\": {\"cpus\": \"0\"}}", NULL,
                "this host has no cpuset controller, which the list of CPUs needs");
    check_error(&hybrid, "{\"unified\": {\"memory.high\": \"1\"}}", NULL,
                "this host has no memory controller on cgroup v2, which 'memory.high' needs");
    check_error(&v1, "{\"unified\": {\"memory.high\": \"1\"}}", NULL,
                "this host has no cgroup v2, which 'memory.high' needs");
    static const struct host none = {"", "", NULL};
    check_error(&none, "{\"memory\": {\"limit\": 1}}", NULL,
                "this host has no memory controller, which the memory limit needs");
    check_error(&none, "{\"pids\": {\"limit\": 1}}", NULL,
                "this host has no pids controller, which the limit of processes needs");
    check_error(&none, "{\"devices\": [{\"allow\": false}]}", NULL,
                "this host has no devices controller, which the device rules need");
}

static void test_cgroup_plan_what_v2_cannot(void)
{
    check_error(&v2, "{\"memory\": {\"swappiness\": 10}}", NULL,
                "cgroup v2, which this host has, cannot set the memory swappiness");
    check_error(&v2, "{\"memory\": {\"disableOOMKiller\": true}}", NULL,
                "cgroup v2, which this host has, cannot set the disabling of the out-of-memory "
                "killer");
    check_error(&v2, "{\"cpu\": {\"realtimeRuntime\": 1000}}", NULL,
                "cgroup v2, which this host has, cannot set the CPU realtime runtime and period");
    check_error(&v2, "{\"network\": {\"classID\": 7}}", NULL,
                "this host has no net_cls controller, which the network class needs");
}

static void test_cgroup_plan_swap(void)
{
    check_error(&v2, "{\"memory\": {\"swap\": 1000}}", NULL,
                "a limit of memory and swap together needs a memory limit");
    check_error(&v2, "{\"memory\": {\"limit\": 2000, \"swap\": 1000}}", NULL,
                "the limit of memory and swap together is below the memory limit");
    check_error(&v1, "{\"memory\": {\"limit\": 2000, \"swap\": 1000}}", NULL,
                "the limit of memory and swap together is below the memory limit");
    check_plan(&v2, "{\"memory\": {\"limit\": 1000, \"swap\": -1}}", NULL,
               "/sys/fs/cgroup/cloison/web (v2: memory, cpu, pids, io)\n"
               "memory.max = 1000\n"
               "memory.swap.max = max\n");
    check_plan(&v2, "{\"memory\": {\"limit\": -1}, \"pids\": {\"limit\": -1}}", NULL,
               "/sys/fs/cgroup/cloison/web (v2: memory, cpu, pids, io)\n"
               "memory.max = max\n"
               "pids.max = max\n");
}

static void test_cgroup_convert_shares(void)
{
    static const struct {
        uint64_t shares, weight;
    } pairs[] = {
        {2, 1},      {3, 2},      {10, 4},        {512, 59},       {1000, 99},          {1024, 100},
        {2000, 170}, {2048, 174}, {102400, 4429}, {262144, 10000}, {1ull << 40, 10000},
    };
    for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
        CHECK_INT(cgroup_weight_from_shares(pairs[i].shares), pairs[i].weight);
    }
    uint64_t last = 0;
    for (uint64_t shares = 2; shares <= 262144; shares += 97) {
        uint64_t weight = cgroup_weight_from_shares(shares);
        CHECK(weight >= last && weight >= 1 && weight <= 10000);
        last = weight;
    }
    CHECK_INT(cgroup_io_weight_from_blkio(10), 1);
    CHECK_INT(cgroup_io_weight_from_blkio(1000), 10000);
}

static void test_cgroup_layout(void)
{
    struct arena *a = arena_new();
    struct cgroup_layout l;
    layout_of(a, &v1, &l);
    CHECK_INT(l.count, 8);
    CHECK_INT(l.unified, -1);
    CHECK_STR(l.items[0].mount, "/sys/fs/cgroup/memory");
    CHECK_STR(l.items[0].own, "/ssh");
    CHECK_STR(l.items[1].own, "/ssh");
    CHECK_STR(l.items[2].own, "/");
    /* In a container that sees the host's paths: what is mounted is its own group. */
    cgroup_layout_parse(a, "1:memory:/docker/abc/x\n",
                        "1 0 0:1 /docker/abc /sys/fs/cgroup/with\\040space rw - cgroup none "
                        "rw,memory\n",
                        &l);
    CHECK_INT(l.count, 1);
    CHECK_STR(l.items[0].mount, "/sys/fs/cgroup/with space");
    CHECK_STR(l.items[0].own, "/x");
    arena_free(a);
}

static void test_cgroup_set_json(void)
{
    struct arena *a = arena_new();
    struct error *err = NULL;
    struct cgroup_plan p;
    struct cgroup_set set;
    CHECK_OK(plan_for(a, &hybrid, "{}", NULL, &p, &err), err);
    json_t *json = cgroup_set_to_json(&p.set);
    CHECK_OK(cgroup_set_from_json(a, json, &set, &err), err);
    CHECK_INT(set.count, p.set.count);
    CHECK_INT(set.unified, p.set.unified);
    for (size_t i = 0; i < set.count; i++) {
        CHECK_STR(set.groups[i].path, p.set.groups[i].path);
        CHECK_STR(set.groups[i].mount, p.set.groups[i].mount);
        CHECK_INT(set.groups[i].controllers, p.set.groups[i].controllers);
        CHECK_INT(set.groups[i].v2, p.set.groups[i].v2);
    }
    json_decref(json);
    arena_free(a);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(test_cgroup_plan_v1),
        TEST(test_cgroup_plan_v2),
        TEST(test_cgroup_plan_hybrid),
        TEST(test_cgroup_plan_nothing_asked),
        TEST(test_cgroup_plan_systemd),
        TEST(test_cgroup_plan_paths),
        TEST(test_cgroup_plan_lacking_controllers),
        TEST(test_cgroup_plan_what_v2_cannot),
        TEST(test_cgroup_plan_swap),
        TEST(test_cgroup_convert_shares),
        TEST(test_cgroup_layout),
        TEST(test_cgroup_set_json),
    };
    return test_main(tests, ARRAY_SIZE(tests), argc, argv);
}
