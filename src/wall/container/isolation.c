// SPDX-License-Identifier: Apache-2.0
/* The container wall's facts, read back from the kernel by the workload's first process. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "base/file.h"
#include "base/human.h"
#include "wall/container/cgroup_files.h"
#include "wall/container/seccomp_count.h"
#include "wall/container/workload.h"
#include "wall/facts.h"

#define MOUNTS_MAX ((size_t)4 << 20)
#define DEVICES_MAX 4096

static void add_kernel(json_t *facts)
{
    struct utsname u = {0};
    (void)uname(&u); /* cannot fail with a valid address */
    fact_add(facts, FACT_SHARED, "kernel", str_format("%s %s", u.sysname, u.release),
             "the host's kernel answers its system calls: a hole in it is a way out");
}

/* --- mounts ----------------------------------------------------------------------------------- */

/* A line of mountinfo; the fields point into it. man 5 proc. */
struct mount_line {
    const char *device, *root, *point, *options, *type;
};

static bool split_mount(char *line, struct mount_line *m)
{
    const char *fields[6] = {0};
    char *tail = strstr(line, " - ");
    if (!tail) {
        return false;
    }
    *tail = '\0';
    size_t count = 0;
    char *rest = line, *word;
    while (count < ARRAY_SIZE(fields) && (word = strsep(&rest, " "))) {
        fields[count++] = word;
    }
    m->type = tail + strlen(" - ");
    tail[strlen(" - ") + strcspn(m->type, " ")] = '\0';
    m->device = fields[2], m->root = fields[3], m->point = fields[4], m->options = fields[5];
    return count == ARRAY_SIZE(fields);
}

static bool is_writable(const char *options)
{
    return str_equal(options, "rw") || str_starts(options, "rw,");
}

/* A part of a file system of the host's: what it holds is the host's, and may be changed there. Of
 * the kernel's own file systems only a tmpfs can be that: one that is mounted on the host, too. */
static bool is_of_host(const struct mount_line *m, const char *host_mounts)
{
    static const char *const own[] = {"proc",    "sysfs", "devpts",  "mqueue", "cgroup",
                                      "cgroup2", "bpf",   "overlay", NULL};
    CLEANUP(free) char *device = str_format(" %s ", m->device);
    return str_equal(m->type, "tmpfs") ? strstr(host_mounts, device) != NULL
                                       : !str_in(m->type, own);
}

/* A path is hidden by the null device over a file, by an empty read-only tmpfs over a folder. */
static bool is_mask(const struct mount_line *m, const char *host_mounts)
{
    return (str_equal(m->root, "/null") && str_equal(m->type, "devtmpfs")) ||
           (str_equal(m->type, "tmpfs") && !is_writable(m->options) && !is_of_host(m, host_mounts));
}

static void add_host_mount(json_t *facts, const struct mount_line *m)
{
    CLEANUP(free) char *name = str_format("mount %s", m->point);
    bool writable = is_writable(m->options);
    fact_add(facts, writable ? FACT_SHARED : FACT_LIMITED, name,
             str_format("%s of %s on device %s, %s", m->root, m->type, m->device,
                        writable ? "read and write" : "read-only"),
             writable ? "what it writes there the host sees, and the reverse"
                      : "it reads there what the host has");
}

static void add_mounts(json_t *facts, pid_t pid)
{
    CLEANUP(free) char *path = str_format("/proc/%d/mountinfo", (int)pid);
    CLEANUP(free) char *text = NULL, *host_mounts = NULL;
    CLEANUP(strv) struct strv writable = {0}, masked = {0};
    size_t count = 0;
    if (file_read(AT_FDCWD, path, MOUNTS_MAX, &text, NULL, NULL) < 0 ||
        file_read(AT_FDCWD, "/proc/self/mountinfo", MOUNTS_MAX, &host_mounts, NULL, NULL) < 0) {
        return;
    }
    char *rest = text, *line;
    while ((line = strsep(&rest, "\n"))) {
        struct mount_line m;
        if (!split_mount(line, &m)) {
            continue;
        }
        count++;
        if (is_mask(&m, host_mounts)) {
            strv_add(&masked, m.point);
            continue;
        }
        if (is_writable(m.options)) {
            strv_add(&writable, m.point);
        }
        if (is_of_host(&m, host_mounts)) {
            add_host_mount(facts, &m);
        }
    }
    if (masked.count) {
        fact_add(facts, FACT_LIMITED, "masked paths", strv_join(&masked, ", "),
                 "what the kernel shows there is hidden");
    }
    CLEANUP(free) char *list = strv_join(&writable, ", ");
    fact_add(facts, FACT_LIMITED, "writable mounts",
             str_format("%zu of %zu%s%s", writable.count, count, writable.count ? ": " : "", list),
             "elsewhere the kernel refuses every write");
}

/* --- devices ---------------------------------------------------------------------------------- */

static void list_nodes(int root, struct strv *ret)
{
    CLEANUP(fd) int dev = open_in_root(root, "/dev", O_RDONLY | O_DIRECTORY, 0);
    CLEANUP(strv) struct strv names = {0};
    if (dev < 0 || list_folder(dev, ".", &names, NULL) < 0) {
        return;
    }
    for (size_t i = 0; i < names.count && i < DEVICES_MAX; i++) {
        struct stat st;
        if (fstatat(dev, names.items[i], &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode))) {
            strv_add(ret, names.items[i]);
        }
    }
}

/* v1 tells its rules; v2 has a program, which is there or not. */
static void add_device_rules(json_t *facts, const struct cgroup_set *set)
{
    char rules[8192] = "";
    for (size_t i = 0; i < set->count; i++) {
        if (!set->groups[i].v2 &&
            cgroup_file_read(set->groups[i].path, "devices.list", rules, sizeof(rules)) > 0) {
            break;
        }
    }
    if (!*rules) {
        return;
    }
    bool all = str_starts(rules, "a *:* rwm");
    for (char *c = rules; *c; c++) {
        *c = *c != '\n' ? *c : c[1] ? ',' : '\0';
    }
    fact_add(facts, all ? FACT_SHARED : FACT_LIMITED, "device rules", xstrdup(rules),
             all ? "it may use every device for which it has or makes a node"
                 : "the kernel opens no other device for it, whatever node it makes");
}

static void add_devices(json_t *facts, pid_t pid)
{
    CLEANUP(free) char *path = str_format("/proc/%d/root", (int)pid);
    CLEANUP(strv) struct strv nodes = {0};
    CLEANUP(fd) int root = open_file(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0, NULL);
    if (root >= 0) {
        list_nodes(root, &nodes);
        CLEANUP(free) char *list = strv_join(&nodes, ", ");
        fact_add(facts, FACT_SHARED, "device nodes", xstrdup(*list ? list : "none"),
                 "the host's drivers answer behind these names in its /dev");
    }
}

/* --- limits ----------------------------------------------------------------------------------- */

static void add_limit(json_t *facts, const char *name, char *limit_take, const char *bound,
                      const char *free_of)
{
    fact_add(facts, limit_take ? FACT_LIMITED : FACT_SHARED, name,
             limit_take ? limit_take : xstrdup("no limit"), limit_take ? bound : free_of);
}

/* Processors by quota and period; NULL: no quota. */
static char *processors(const struct cgroup_group *g)
{
    char text[64];
    int64_t period = 0, quota = 0;
    if (!g->v2) {
        quota = cgroup_file_number(g->path, "cpu.cfs_quota_us");
        period = cgroup_file_number(g->path, "cpu.cfs_period_us");
    } else if (cgroup_file_read(g->path, "cpu.max", text, sizeof(text)) > 0) {
        long long q = 0, p = 0;
        if (sscanf(text, "%20lld %20lld", &q, &p) == 2) {
            quota = q, period = p;
        }
    }
    return quota > 0 && period > 0 ? str_format("%.2f processors", (double)quota / (double)period)
                                   : NULL;
}

void cgroup_facts(const struct cgroup_set *set, json_t *facts)
{
    struct wall_stats s;
    const struct cgroup_group *cpu = cgroup_set_group(set, CGROUP_CPU);
    if (cgroup_stats(set, &s, NULL) < 0) {
        return;
    }
    bool memory = s.memory_limit_bytes > 0 && s.memory_limit_bytes < INT64_MAX / 2;
    add_limit(facts, "memory", memory ? human_binary_size(s.memory_limit_bytes) : NULL,
              "past that the kernel reclaims or kills within it alone",
              "it may take all the memory of the host");
    add_limit(facts, "processor time", cpu ? processors(cpu) : NULL,
              "past that it waits, whoever else is idle",
              "it may use every processor, as its share allows");
    add_limit(facts, "processes",
              s.pids_limit > 0 ? str_format("%lld", (long long)s.pids_limit) : NULL,
              "past that fork fails", "it may start as many as the host can bear");
}

int container_isolation(struct workload *w, json_t **ret, struct error **err)
{
    struct seccomp_program program = {0};
    CLEANUP(free) char *calls = NULL;
    if (w->pidfd < 0) {
        return error_set(err, ERROR_BUSY, 0, "its first process has ended");
    }
    pid_t pid = w->record.pid;
    if (w->record.seccomp && record_load_seccomp(&w->record, w->state_dir, &program, NULL) >= 0) {
        calls = seccomp_count_text(program.instructions, program.count);
    }
    *ret = json_array();
    add_kernel(*ret);
    facts_namespaces(*ret, pid, "");
    facts_privileges(*ret, pid, "", calls);
    add_mounts(*ret, pid);
    add_devices(*ret, pid);
    add_device_rules(*ret, &w->record.cgroups);
    cgroup_facts(&w->record.cgroups, *ret);
    return 0;
}
