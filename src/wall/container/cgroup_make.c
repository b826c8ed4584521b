// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "wall/container/cgroup_files.h"
#include "wall/container/devices.h"

/* Another workload's end may remove the parent between our making it and its child. */
#define MAKE_ATTEMPTS 100

/* Calls `each` with every folder between the mount and the group, the group excluded, from the top.
 * The mount itself comes first. */
static int each_ancestor(const struct cgroup_group *g,
                         int (*each)(const char *path, const void *context), const void *context)
{
    char path[CGROUP_PATH_BYTES];
    for (size_t len = strlen(g->mount); g->path[len]; len += 1 + strcspn(g->path + len + 1, "/")) {
        (void)snprintf(path, sizeof(path), "%.*s", (int)len, g->path);
        int r = each(path, context);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int make_ancestor(const char *path, const void *context)
{
    const char *mount = context;
    return !str_equal(path, mount) && mkdir(path, 0755) < 0 && errno != EEXIST ? -errno : 0;
}

/* A group of the same name: an empty one is a crash's leftover, with limits of its own, and goes.
 */
static int take_over(const struct cgroup_group *g, struct error **err)
{
    CLEANUP(free) pid_t *pids = NULL;
    size_t count = 0;
    int r = cgroup_collect(g->path, &pids, &count);
    if (r == 0 && count) {
        return error_set(err, ERROR_EXISTS, EEXIST,
                         "cgroup '%s' exists and has %zu processes in it", g->path, count);
    }
    r = r < 0 ? r : cgroup_remove_folders(g->path);
    return r < 0 ? error_set_errno(err, ERROR_KERNEL, -r, "cannot remove the empty cgroup '%s'",
                                   g->path)
                 : 0;
}

/* `adopt`: systemd has made it, or is to find it there. */
static int make_folder(const struct cgroup_group *g, bool adopt, struct error **err)
{
    for (int attempt = 0; attempt < MAKE_ATTEMPTS; attempt++) {
        if (mkdir(g->path, 0755) == 0 || (adopt && errno == EEXIST)) {
            return 0;
        }
        int r = -errno;
        if (r == -ENOENT) {
            r = each_ancestor(g, make_ancestor, g->mount);
        } else if (r == -EEXIST) {
            r = take_over(g, err);
            if (r < 0) {
                return r;
            }
        }
        if (r < 0 && r != -ENOENT) {
            r = error_set_errno(err, ERROR_KERNEL, -r, "cannot make cgroup '%s'", g->path);
            return r == -EROFS ? error_hint(err, r, "'%s' is mounted read-only", g->mount) : r;
        }
    }
    return error_set(err, ERROR_BUSY, EBUSY, "cannot make cgroup '%s': its parent keeps vanishing",
                     g->path);
}

/* One line into cgroup.subtree_control of a folder on the way. */
struct enabling {
    const char *line;
    char failed_at[CGROUP_PATH_BYTES];
};

static int enable_one(const char *path, const void *context)
{
    struct enabling *e = (struct enabling *)context;
    int r = cgroup_file_write(path, "cgroup.subtree_control", e->line);
    if (r < 0) {
        (void)snprintf(e->failed_at, sizeof(e->failed_at), "%s", path);
    }
    return r;
}

static uint32_t enabled_controllers(const struct cgroup_group *g)
{
    char text[256];
    if (cgroup_file_read(g->path, "cgroup.controllers", text, sizeof(text)) < 0) {
        return 0;
    }
    uint32_t bits = 0;
    for (int c = 0; c < CGROUP_CONTROLLER_COUNT; c++) {
        const char *name = cgroup_controller_name(c, true);
        for (const char *at = text; (at = strstr(at, name)); at++) {
            char end = at[strlen(name)];
            if ((at == text || at[-1] == ' ') && (end == ' ' || end == '\n' || end == 0)) {
                bits |= CGROUP_BIT(c);
            }
        }
    }
    return bits;
}

/* Gives the v2 group its controllers: each folder above hands them down. Nearly always that is so
 * already. One controller at a time, so that one which cannot be had leaves the others. */
static int enable_controllers(const struct cgroup_group *g, uint32_t required, struct error **err)
{
    uint32_t missing = g->controllers & ~(g->controllers ? enabled_controllers(g) : 0);
    for (int c = 0; c < CGROUP_CONTROLLER_COUNT; c++) {
        if (!(missing & CGROUP_BIT(c))) {
            continue;
        }
        char line[32];
        (void)snprintf(line, sizeof(line), "+%s", cgroup_controller_name(c, true));
        struct enabling e = {.line = line};
        int r = each_ancestor(g, enable_one, &e);
        if (r == 0 || !(required & CGROUP_BIT(c))) {
            continue;
        }
        r = error_set_errno(err, ERROR_UNSUPPORTED, -r,
                            "cannot hand the %s controller down from cgroup '%s'", line + 1,
                            e.failed_at);
        return r == -EBUSY ? error_hint(err, r,
                                        "a cgroup with processes of its own cannot; move them into "
                                        "a group below it, or choose another --cgroup-parent")
                           : r;
    }
    return 0;
}

/* v1 gives a new cpuset no CPU and no memory node; a process cannot enter before it has some. */
static int inherit_cpuset(const char *path, const void *context)
{
    static const char *const files[] = {"cpuset.cpus", "cpuset.mems"};
    const char *mount = context;
    if (str_equal(path, mount)) {
        return 0;
    }
    char parent[CGROUP_PATH_BYTES], text[CGROUP_PATH_BYTES];
    (void)snprintf(parent, sizeof(parent), "%.*s", (int)(strrchr(path, '/') - path), path);
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        ssize_t n = cgroup_file_read(path, files[i], text, sizeof(text));
        if (n > 1) {
            continue;
        }
        n = n < 0 ? n : cgroup_file_read(parent, files[i], text, sizeof(text));
        int r = n < 0 ? (int)n : cgroup_file_write(path, files[i], text);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int fill_cpuset(const struct cgroup_group *g, struct error **err)
{
    int r = each_ancestor(g, inherit_cpuset, g->mount);
    r = r < 0 ? r : inherit_cpuset(g->path, g->mount);
    return r < 0 ? error_set_errno(err, ERROR_KERNEL, -r,
                                   "cannot give cgroup '%s' the CPUs of its parent", g->path)
                 : 0;
}

static int make_group(const struct cgroup_group *g, bool adopt, uint32_t required,
                      struct error **err)
{
    int r = make_folder(g, adopt, err);
    if (r == 0 && g->v2) {
        r = enable_controllers(g, required, err);
    }
    if (r == 0 && !g->v2 && g->controllers & CGROUP_BIT(CGROUP_CPUSET)) {
        r = fill_cpuset(g, err);
    }
    return r;
}

int cgroup_make(const struct cgroup_plan *p, struct error **err)
{
    for (size_t i = 0; i < p->set.count; i++) {
        int r = make_group(&p->set.groups[i], p->scope, p->required, err);
        if (r < 0) {
            struct cgroup_set made = p->set;
            made.count = r == -EEXIST ? i : i + 1; /* one that is in use is not ours */
            made.unified = made.unified < (int)made.count ? made.unified : -1;
            IGNORE(cgroup_remove(&made, NULL)); /* the first error is what the user needs */
            return r;
        }
    }
    return 0;
}

/* One round: how many had to be moved, or -errno. */
static int move_some(const struct cgroup_set *from, const struct cgroup_set *to, struct error **err)
{
    CLEANUP(free) pid_t *pids = NULL;
    CLEANUP(free) pid_t *there = NULL;
    size_t count = 0, there_count = 0, k = 0;
    int moved = 0;
    int r = cgroup_pids(from, &pids, &count, err);
    r = r < 0 ? r : cgroup_pids(to, &there, &there_count, err);
    for (size_t i = 0; i < count && r >= 0; i++) {
        while (k < there_count && there[k] < pids[i]) {
            k++;
        }
        if (k < there_count && there[k] == pids[i]) {
            continue;
        }
        CLEANUP(error) struct error *e = NULL;
        r = cgroup_attach(to, pids[i], &e);
        if (r < 0 && r != -ESRCH) {
            return error_move(err, &e, r);
        }
        moved += r >= 0;
        r = 0;
    }
    return r < 0 ? r : moved;
}

/* Whoever was forked by one that was not yet moved is moved in the next round. */
static int move_members(const struct cgroup_set *from, const struct cgroup_group *g,
                        struct error **err)
{
    const struct cgroup_set to = {.groups = {*g}, .count = 1, .unified = -1};
    int r;
    do {
        r = move_some(from, &to, err);
    } while (r > 0);
    return r;
}

int cgroup_make_wider(const struct cgroup_set *set, const struct cgroup_set *wider,
                      struct error **err)
{
    int r = 0;
    for (size_t i = 0; i < wider->count && r >= 0; i++) {
        const struct cgroup_group *g = &wider->groups[i];
        bool is_new = i >= set->count;
        uint32_t added = is_new ? g->controllers : g->controllers & ~set->groups[i].controllers;
        if (added) {
            r = make_group(g, true, added, err);
        }
        if (r >= 0 && is_new) {
            r = move_members(set, g, err);
        }
    }
    return r;
}

static int write_failed(const struct cgroup_plan *p, const struct cgroup_write *w, int code,
                        struct error **err)
{
    bool v2 = p->set.groups[w->group].v2;
    const char *controller = w->controller == CGROUP_CONTROLLER_COUNT
                                 ? "core"
                                 : cgroup_controller_name(w->controller, v2);
    if (code == ENOENT) {
        return error_set(err, ERROR_UNSUPPORTED, ENOENT,
                         "cannot set the %s: the kernel's %s controller (cgroup %s) has no '%s'",
                         w->property, controller, v2 ? "v2" : "v1", w->file);
    }
    return error_set_errno(err, ERROR_KERNEL, code,
                           "cannot set the %s: writing '%s' to '%s' of the %s controller",
                           w->property, w->value, w->file, controller);
}

/* The lines of the value, each in a write of its own, as the kernel wants them. */
static int write_lines(const char *group, const struct cgroup_write *w)
{
    CLEANUP(fd) int fd = cgroup_file_open(group, w->file, O_WRONLY);
    int r = fd < 0 ? fd : 0;
    for (const char *line = w->value; *line && r == 0; line += *line == '\n') {
        size_t len = strcspn(line, "\n");
        r = write(fd, line, len) < 0 ? -errno : 0;
        line += len;
    }
    return r;
}

int cgroup_apply(const struct cgroup_plan *p, size_t write, struct error **err)
{
    const struct cgroup_write *w = &p->writes[write];
    const char *path = p->set.groups[w->group].path;
    int r = w->lines ? write_lines(path, w) : cgroup_file_write(path, w->file, w->value);
    if (r == -ENOENT && w->may_lack) {
        return 0;
    }
    if ((r == -ENOENT || r == -EOPNOTSUPP) && w->instead_file) {
        int second = cgroup_file_write(path, w->instead_file, w->instead_value);
        r = second == -ENOENT ? r : second;
    }
    return r < 0 ? write_failed(p, w, -r, err) : 0;
}

int cgroup_apply_devices(const struct cgroup_plan *p, struct error **err)
{
    const struct cgroup_group *g = cgroup_set_unified(&p->set);
    return p->device_count ? devices_attach(g->path, p->devices, p->device_count, err) : 0;
}
