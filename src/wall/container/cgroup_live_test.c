// SPDX-License-Identifier: Apache-2.0
/* Groups on this machine's kernel: made, entered, limited, frozen, counted, emptied, removed. Once
 * as the host is, once as if it had v1 alone. Everything is below groups of the test's own. */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/test.h"
#include "wall/container/cgroup_files.h"

/* What every test works on. */
struct bench {
    struct arena *a;
    struct cgroup_plan plan;
    struct error *err;
};

/* The groups of a test that failed half way are removed at the end. */
static struct {
    struct arena *arena; /* of the strings */
    struct cgroup_set set;
} unfinished[64];
static size_t unfinished_count;

static void begin(struct bench *b, const char *resources, bool v1_alone)
{
    struct cgroup_layout layout;
    json_t *json = NULL;
    *b = (struct bench){.a = arena_new()};
    if (geteuid() != 0) {
        SKIP("not root");
    }
    CHECK_OK(cgroup_layout_read(b->a, &layout, &b->err), b->err);
    if (v1_alone && layout.unified >= 0) {
        layout.controllers &= ~layout.items[layout.unified].controllers;
        layout.items[layout.unified] = layout.items[--layout.count];
        layout.unified = -1;
    }
    if (!(layout.controllers & CGROUP_BIT(CGROUP_MEMORY)) ||
        !(layout.controllers & CGROUP_BIT(CGROUP_PIDS))) {
        SKIP("no memory or pids controller");
    }
    struct spec *s = spec_new();
    CHECK_OK(json_parse(resources, strlen(resources), "resources", &json, &b->err), b->err);
    CHECK_OK(spec_parse_resources(b->a, json, "resources", &s->linux_.resources, &b->err), b->err);
    json_decref(json);
    char *path = arena_format(b->a, "/cloison-test-%d-%zu/group", getpid(), unfinished_count);
    s->linux_.cgroups_path = path;
    CHECK_OK(cgroup_plan(b->a, s, "test", false, &layout, &b->plan, &b->err), b->err);
    CHECK_OK(cgroup_make(&b->plan, &b->err), b->err);
    unfinished[unfinished_count].arena = b->a;
    unfinished[unfinished_count++].set = b->plan.set;
    for (size_t i = 0; i < b->plan.write_count; i++) {
        CHECK_OK(cgroup_apply(&b->plan, i, &b->err), b->err);
    }
    CHECK_OK(cgroup_apply_devices(&b->plan, &b->err), b->err);
    spec_free(s);
}

static void end(struct bench *b)
{
    CHECK_OK(cgroup_remove(&b->plan.set, &b->err), b->err);
    for (size_t i = 0; i < b->plan.set.count; i++) {
        const char *path = b->plan.set.groups[i].path;
        CHECK(access(path, F_OK) < 0);
        char *parent = arena_strndup(b->a, path, (size_t)(strrchr(path, '/') - path));
        CHECK(rmdir(parent) == 0);
    }
    CHECK_OK(cgroup_remove(&b->plan.set, &b->err), b->err); /* what is missing is success */
    unfinished[unfinished_count - 1].set.count = 0;
}

/* Forks into the groups; the child runs `work` and ends with what it returns. */
static pid_t spawn(struct bench *b, int (*work)(void))
{
    struct cgroup_door door;
    int inside[2];
    char byte;
    CHECK(pipe2(inside, O_CLOEXEC) == 0);
    CHECK_OK(cgroup_open(&b->plan.set, &door, &b->err), b->err);
    struct clone_args args = {
        .flags = door.unified_fd >= 0 ? CLONE_INTO_CGROUP : 0,
        .exit_signal = SIGCHLD,
        .cgroup = door.unified_fd >= 0 ? (uint64_t)door.unified_fd : 0,
    };
    pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
    if (pid == 0) {
        int r = cgroup_join(&door);
        fd_close(inside[0]);
        fd_close(inside[1]);
        _exit(r < 0 ? 99 : work());
    }
    CHECK(pid > 0);
    fd_close(inside[1]);
    CHECK_INT(read_all(inside[0], &byte, 1), 0); /* the end: the child is in all groups */
    fd_close(inside[0]);
    cgroup_door_close(&door);
    return pid;
}

static int ended(pid_t pid)
{
    int status = -1;
    CHECK(waitpid(pid, &status, 0) == pid);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int sleep_long(void)
{
    while (pause() < 0) {
    }
    return 0;
}

/* A process with a child in a group below, as a workload with cgroups of its own has. */
static int fork_and_sleep(void)
{
    if (fork() < 0) {
        return 1;
    }
    return sleep_long();
}

static void wait_for_count(struct bench *b, size_t wanted)
{
    size_t count = 0;
    for (int i = 0; i < 15000 && count != wanted; i++) {
        CLEANUP(free) pid_t *pids = NULL;
        CHECK_OK(cgroup_pids(&b->plan.set, &pids, &count, &b->err), b->err);
        (void)poll(NULL, 0, count == wanted ? 0 : 2);
    }
    CHECK_INT(count, wanted);
}

static void membership(bool v1_alone)
{
    struct bench b;
    begin(&b, "{}", v1_alone);
    pid_t pid = spawn(&b, sleep_long);
    wait_for_count(&b, 1);
    for (size_t i = 0; i < b.plan.set.count; i++) {
        CLEANUP(free) pid_t *pids = NULL;
        size_t count = 0;
        CHECK_INT(cgroup_collect(b.plan.set.groups[i].path, &pids, &count), 0);
        CHECK(count == 1 && pids[0] == pid);
    }
    CHECK(cgroup_make(&b.plan, &b.err) == -EEXIST); /* in use: not taken over, not touched */
    CHECK_INT(b.err->kind, ERROR_EXISTS);
    error_free(take_ptr(b.err));
    wait_for_count(&b, 1);
    CHECK_OK(cgroup_signal(&b.plan.set, SIGKILL, &b.err), b.err);
    CHECK_INT(ended(pid), 128 + SIGKILL);
    end(&b);
}
static void test_cgroup_live_membership(void)
{
    membership(false);
}
static void test_cgroup_live_membership_v1(void)
{
    membership(true);
}

static void removal(bool v1_alone)
{
    struct bench b;
    begin(&b, "{}", v1_alone);
    pid_t pid = spawn(&b, fork_and_sleep);
    wait_for_count(&b, 2);
    for (size_t i = 0; i < b.plan.set.count; i++) {
        char below[CGROUP_PATH_BYTES];
        CHECK_INT(cgroup_file_path(b.plan.set.groups[i].path, "below", below), 0);
        CHECK(mkdir(below, 0755) == 0);
        CHECK_INT(cgroup_file_path(b.plan.set.groups[i].path, "below/deeper", below), 0);
        CHECK(mkdir(below, 0755) == 0);
    }
    end(&b); /* kills both, removes all */
    CHECK_INT(ended(pid), 128 + SIGKILL);
}
static void test_cgroup_live_removal_kills(void)
{
    removal(false);
}
static void test_cgroup_live_removal_kills_v1(void)
{
    removal(true);
}

static char process_state(pid_t pid)
{
    char path[64], text[512];
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    CLEANUP(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = read_all(fd, text, sizeof(text) - 1);
    CHECK(n > 0);
    text[n] = 0;
    return strrchr(text, ')')[2];
}

static int spin(void)
{
    while (getppid() > 0) {
    }
    return 0;
}

static void freezing(bool v1_alone)
{
    struct bench b;
    struct wall_stats before, after;
    begin(&b, "{}", v1_alone);
    pid_t pid = spawn(&b, spin);
    CHECK(!cgroup_is_frozen(&b.plan.set));
    CHECK_OK(cgroup_freeze(&b.plan.set, &b.err), b.err);
    CHECK(cgroup_is_frozen(&b.plan.set));
    (void)poll(NULL, 0, 20); /* for the last of its time to be counted */
    CHECK_OK(cgroup_stats(&b.plan.set, &before, &b.err), b.err);
    (void)poll(NULL, 0, 50);
    CHECK_OK(cgroup_stats(&b.plan.set, &after, &b.err), b.err);
    CHECK(process_state(pid) != 'R');
    CHECK_INT(after.cpu_ns, before.cpu_ns);
    CHECK_OK(cgroup_thaw(&b.plan.set, &b.err), b.err);
    CHECK(!cgroup_is_frozen(&b.plan.set));
    for (int i = 0; i < 3000 && after.cpu_ns <= before.cpu_ns; i++) { /* a busy machine: 30 s */
        (void)poll(NULL, 0, 10);
        CHECK_OK(cgroup_stats(&b.plan.set, &after, &b.err), b.err);
    }
    CHECK(after.cpu_ns > before.cpu_ns);
    CHECK_OK(cgroup_freeze(&b.plan.set, &b.err), b.err); /* a frozen one can be killed */
    CHECK_OK(cgroup_signal(&b.plan.set, SIGKILL, &b.err), b.err);
    CHECK_INT(ended(pid), 128 + SIGKILL);
    end(&b);
}
static void test_cgroup_live_freeze(void)
{
    freezing(false);
}
static void test_cgroup_live_freeze_v1(void)
{
    freezing(true);
}

static int eat_memory(void)
{
    const size_t size = 64 << 20;
    char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) {
        return 1;
    }
    memset(p, 1, size);
    return 0;
}

static void test_cgroup_live_memory_kill_is_told(void)
{
    struct bench b;
    short events;
    bool oom, pids;
    begin(&b, "{\"memory\": {\"limit\": 8388608, \"swap\": 8388608}}", false);
    cgroup_limits_hit(&b.plan.set, &oom, &pids);
    CHECK(!oom && !pids);
    CLEANUP(fd) int watch = cgroup_oom_watch(&b.plan.set, &events, &b.err);
    CHECK_OK(watch, b.err);
    CHECK_INT(ended(spawn(&b, eat_memory)), 128 + SIGKILL);
    struct pollfd p = {.fd = watch, .events = events};
    CHECK_INT(poll(&p, 1, 30000), 1);
    cgroup_limits_hit(&b.plan.set, &oom, &pids);
    CHECK(oom && !pids);
    struct wall_stats stats;
    CHECK_OK(cgroup_stats(&b.plan.set, &stats, &b.err), b.err);
    CHECK_INT(stats.oom_kills, 1);
    CHECK_INT(stats.memory_limit_bytes, 8388608);
    CHECK(stats.memory_peak_bytes > 4 << 20);
    end(&b);
}

static int fork_three(void)
{
    int refused = 0;
    for (int i = 0; i < 3; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            return sleep_long();
        }
        refused += pid < 0;
    }
    return refused;
}

static void test_cgroup_live_pids_refusal_is_told(void)
{
    struct bench b;
    bool oom, pids;
    struct wall_stats stats;
    begin(&b, "{\"pids\": {\"limit\": 3}}", false);
    CHECK_INT(ended(spawn(&b, fork_three)), 1);
    cgroup_limits_hit(&b.plan.set, &oom, &pids);
    CHECK(pids && !oom);
    CHECK_OK(cgroup_stats(&b.plan.set, &stats, &b.err), b.err);
    CHECK_INT(stats.pids, 2);
    CHECK_INT(stats.pids_limit, 3);
    CHECK_INT(stats.pids_refused, 1);
    end(&b);
}

/* A node that no workload is given by default. */
static int open_other(void)
{
    int fd = open("/dev/kmsg", O_RDONLY | O_CLOEXEC);
    return fd < 0 ? errno : 0;
}
static int open_null(void)
{
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    return fd < 0 ? errno : 0;
}

static void test_cgroup_live_device_rules(void)
{
    struct bench b;
    begin(&b,
          "{\"devices\": [{\"allow\": false}, {\"allow\": true, \"type\": \"c\", \"major\": 1,"
          " \"minor\": 3, \"access\": \"rwm\"}]}",
          false);
    CHECK_INT(ended(spawn(&b, open_null)), 0);
    CHECK_INT(ended(spawn(&b, open_other)), EPERM);
    end(&b);
}

static int open_zero(void)
{
    int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    return fd < 0 ? errno : 0;
}

/* The same rules as a program: v2 is there on a hybrid host too. */
static void test_cgroup_live_device_program(void)
{
    struct bench b;
    static const struct spec_device_rule rules[] = {
        {.allow = false, .type = 'a'},
        {.allow = true, .type = 'c', .major = {true, 1}, .minor = {true, 3}},
    };
    static const struct spec_device_rule more[] = {{.allow = true, .type = 'a'}};
    begin(&b, "{}", false);
    if (b.plan.set.unified < 0) {
        end(&b);
        SKIP("no cgroup v2");
    }
    b.plan.devices = rules;
    b.plan.device_count = ARRAY_SIZE(rules);
    CHECK_OK(cgroup_apply_devices(&b.plan, &b.err), b.err);
    CHECK_INT(ended(spawn(&b, open_null)), 0);
    CHECK_INT(ended(spawn(&b, open_zero)), EPERM);
    b.plan.devices = more;
    b.plan.device_count = ARRAY_SIZE(more);
    CHECK_OK(cgroup_apply_devices(&b.plan, &b.err), b.err); /* in the first one's place */
    CHECK_INT(ended(spawn(&b, open_zero)), 0);
    end(&b);
}

static void update_to(struct bench *b, int64_t limit, int64_t swap)
{
    struct spec_resources r = {.memory_limit = {true, limit}, .memory_swap = {true, swap}};
    struct wall_stats stats;
    CHECK_OK(cgroup_update(&b->plan.set, NULL, &r, &b->err), b->err);
    CHECK_OK(cgroup_stats(&b->plan.set, &stats, &b->err), b->err);
    CHECK_INT(stats.memory_limit_bytes, limit);
}

static void test_cgroup_live_update(void)
{
    struct bench b;
    begin(&b, "{\"memory\": {\"limit\": 67108864, \"swap\": 134217728}}", false);
    update_to(&b, 268435456, 536870912); /* up: swap before memory on v1 */
    update_to(&b, 33554432, 67108864);   /* down: memory first */
    update_to(&b, -1, -1);
    struct spec_resources pids = {.pids_limit = {true, 5}};
    struct wall_stats stats;
    CHECK_OK(cgroup_update(&b.plan.set, NULL, &pids, &b.err), b.err);
    CHECK_OK(cgroup_stats(&b.plan.set, &stats, &b.err), b.err);
    CHECK_INT(stats.pids_limit, 5);
    end(&b);
}

/* As systemd does it to a scope's: somebody else removes the v2 group once it is empty. */
static void test_cgroup_live_removed_by_another(void)
{
    for (int round = 0; round < 20; round++) {
        struct bench b;
        begin(&b, "{}", false);
        const struct cgroup_group *g = cgroup_set_unified(&b.plan.set);
        if (!g) {
            end(&b);
            SKIP("no v2 hierarchy");
        }
        pid_t pid = spawn(&b, sleep_long);
        pid_t rival = fork();
        if (rival == 0) {
            char text[256];
            do {
                (void)poll(NULL, 0, 0);
            } while (cgroup_file_read(g->path, "cgroup.events", text, sizeof(text)) > 0 &&
                     cgroup_text_value(text, "populated") != 0);
            (void)rmdir(g->path);
            _exit(0);
        }
        CHECK_OK(cgroup_remove(&b.plan.set, &b.err), b.err);
        CHECK_INT(ended(pid), 128 + SIGKILL);
        CHECK_INT(ended(rival), 0);
        end(&b);
    }
}

static void test_cgroup_live_refused_value(void)
{
    struct bench b;
    begin(&b, "{}", false);
    struct spec_resources r = {.cpus = "9999"};
    CHECK(cgroup_update(&b.plan.set, NULL, &r, &b.err) < 0);
    error_free(take_ptr(b.err));
    struct spec_resources quota = {.cpu_quota_us = {true, 10}};
    CHECK(cgroup_update(&b.plan.set, NULL, &quota, &b.err) < 0);
    CHECK(b.err && str_starts(b.err->message, "cannot set the CPU quota: writing '10"));
    error_free(take_ptr(b.err));
    end(&b);
}

static void test_cgroup_live_leftover_is_taken_over(void)
{
    struct bench b;
    struct wall_stats stats;
    begin(&b, "{\"pids\": {\"limit\": 3}}", false);
    b.plan.write_count = 0;
    CHECK_OK(cgroup_make(&b.plan, &b.err), b.err); /* the old one's limit must not stay */
    CHECK_OK(cgroup_stats(&b.plan.set, &stats, &b.err), b.err);
    CHECK_INT(stats.pids_limit, -1);
    end(&b);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(test_cgroup_live_membership),
        TEST(test_cgroup_live_membership_v1),
        TEST(test_cgroup_live_removal_kills),
        TEST(test_cgroup_live_removal_kills_v1),
        TEST(test_cgroup_live_freeze),
        TEST(test_cgroup_live_freeze_v1),
        TEST(test_cgroup_live_memory_kill_is_told),
        TEST(test_cgroup_live_pids_refusal_is_told),
        TEST(test_cgroup_live_device_rules),
        TEST(test_cgroup_live_device_program),
        TEST(test_cgroup_live_update),
        TEST(test_cgroup_live_removed_by_another),
        TEST(test_cgroup_live_refused_value),
        TEST(test_cgroup_live_leftover_is_taken_over),
    };
    int r = test_main(tests, ARRAY_SIZE(tests), argc, argv);
    for (size_t i = 0; i < unfinished_count; i++) {
        IGNORE(cgroup_remove(&unfinished[i].set, NULL)); /* the failure has been told */
        for (size_t k = 0; k < unfinished[i].set.count; k++) {
            const char *path = unfinished[i].set.groups[k].path;
            CLEANUP(free) char *parent = xstrndup(path, (size_t)(strrchr(path, '/') - path));
            (void)rmdir(parent);
        }
        arena_free(unfinished[i].arena);
    }
    return r;
}
