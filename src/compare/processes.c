// SPDX-License-Identifier: Apache-2.0
#include "compare/processes.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"

struct process {
    pid_t pid, parent;
    bool is_below;
};

/* Field 4 of "PID (NAME) STATE PPID …", whatever the name. -1 when it is gone. */
static pid_t parent_of(const char *pid)
{
    CLEANUP(free) char *path = str_format("/proc/%s/stat", pid);
    CLEANUP(free) char *line = NULL;
    int parent = -1;
    const char *behind =
        file_read_line(AT_FDCWD, path, &line, NULL) >= 0 ? strrchr(line, ')') : NULL;
    return behind && sscanf(behind, ") %*c %d", &parent) == 1 ? parent : -1;
}

static size_t all_processes(struct process **ret)
{
    CLEANUP(dir) DIR *d = opendir("/proc");
    size_t count = 0, room = 0;
    for (const struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
        int64_t pid = 0;
        if (str_to_i64(e->d_name, 10, &pid) < 0) {
            continue;
        }
        if (count == room) {
            room = room ? 2 * room : 256;
            *ret = xrealloc(*ret, room * sizeof(**ret));
        }
        (*ret)[count++] = (struct process){.pid = (pid_t)pid, .parent = parent_of(e->d_name)};
    }
    return count;
}

static bool has_parent_below(const struct process *all, size_t count, size_t i, pid_t top)
{
    if (all[i].parent == top) {
        return true;
    }
    for (size_t j = 0; j < count; j++) {
        if (all[j].pid == all[i].parent) {
            return all[j].is_below;
        }
    }
    return false;
}

size_t processes_below(pid_t pid, pid_t **ret)
{
    CLEANUP(free) struct process *all = NULL;
    size_t count = all_processes(&all), found = 0;
    for (bool changed = true; changed;) {
        changed = false;
        for (size_t i = 0; i < count; i++) {
            if (!all[i].is_below && has_parent_below(all, count, i, pid)) {
                all[i].is_below = changed = true;
                found++;
            }
        }
    }
    *ret = xcalloc(found + 1, sizeof(**ret));
    for (size_t i = 0, at = 0; i < count; i++) {
        if (all[i].is_below) {
            (*ret)[at++] = all[i].pid;
        }
    }
    return found;
}

/* Of one that is gone meanwhile: 0. */
static int pss_of(pid_t pid, int64_t *ret, struct error **err)
{
    CLEANUP(free) char *path = str_format("/proc/%d/smaps_rollup", (int)pid);
    CLEANUP(free) char *text = NULL;
    CLEANUP(error) struct error *mine = NULL;
    int r = file_read(AT_FDCWD, path, 65536, &text, NULL, &mine);
    if (r == -ENOENT || r == -ESRCH) {
        return 0;
    }
    if (r < 0) {
        return error_move(err, &mine, r);
    }
    const char *at = strstr(text, "\nPss:");
    long long kib = 0;
    if (at && sscanf(at, "\nPss: %lld kB", &kib) == 1) {
        *ret += kib * 1024;
    }
    return 0;
}

/* The path of what it executes, "" when that cannot be told. */
static void program_of(pid_t pid, char target[PATH_MAX])
{
    CLEANUP(free) char *path = str_format("/proc/%d/exe", (int)pid);
    ssize_t n = readlink(path, target, PATH_MAX - 1);
    target[n > 0 ? n : 0] = '\0';
}

int processes_pss(pid_t below, const char *except, int64_t *ret_bytes, struct error **err)
{
    CLEANUP(free) pid_t *pids = NULL;
    size_t count = processes_below(below, &pids);
    int r = 0;
    *ret_bytes = 0;
    for (size_t i = 0; i < count && r >= 0; i++) {
        char target[PATH_MAX];
        program_of(pids[i], target);
        r = str_equal(target, except) ? 0 : pss_of(pids[i], ret_bytes, err);
    }
    return r;
}

bool processes_execute(pid_t below, const char *program_prefix)
{
    CLEANUP(free) pid_t *pids = NULL;
    size_t count = processes_below(below, &pids);
    for (size_t i = 0; i < count; i++) {
        char target[PATH_MAX];
        program_of(pids[i], target);
        const char *name = strrchr(target, '/');
        if (name && str_starts(name + 1, program_prefix)) {
            return true;
        }
    }
    return false;
}
