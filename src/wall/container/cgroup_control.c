// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "wall/container/cgroup_files.h"

/* How long the kernel may take until all processes stand still, or are gone. Only one that is stuck
 * in a system call (a dead NFS server) takes longer than milliseconds. */
#define FREEZE_TIMEOUT_MS 10000
#define END_TIMEOUT_MS 10000
/* v1's freezer has no event: how often it is looked at. */
#define V1_FREEZER_LOOK_MS 1
/* A group that somebody else, systemd, removes at its last change wakes nobody who waits for that:
 * how often it is looked whether it is still there. */
#define GONE_LOOK_MS 20

static int64_t now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Waits until `key` in the v2 group's cgroup.events is `value`: the kernel wakes poll() at every
 * change of the file. 0, -ETIMEDOUT or -errno. */
static int wait_event(const char *group, const char *key, int64_t value, int timeout_ms)
{
    CLEANUP(fd) int fd = cgroup_file_open(group, "cgroup.events", O_RDONLY);
    if (fd < 0) {
        return fd;
    }
    int64_t deadline = now_ms() + timeout_ms;
    for (;;) {
        char text[256];
        ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
        if (n < 0) {
            return -errno;
        }
        text[n] = 0;
        if (cgroup_text_value(text, key) == value) {
            return 0;
        }
        int64_t left = deadline - now_ms();
        if (left <= 0) {
            return -ETIMEDOUT;
        }
        struct pollfd p = {.fd = fd, .events = POLLPRI};
        if (poll(&p, 1, left < GONE_LOOK_MS ? (int)left : GONE_LOOK_MS) < 0 && errno != EINTR) {
            return -errno;
        }
    }
}

static bool v1_freezer_says(const char *group, const char *state)
{
    char text[32];
    return cgroup_file_read(group, "freezer.state", text, sizeof(text)) > 0 &&
           str_starts(text, state);
}

/* A fork at the wrong moment leaves the group FREEZING: writing again gets hold of the child. */
static int freeze_v1(const char *group)
{
    int64_t deadline = now_ms() + FREEZE_TIMEOUT_MS;
    do {
        int r = cgroup_file_write(group, "freezer.state", "FROZEN");
        if (r < 0) {
            return r;
        }
        if (v1_freezer_says(group, "FROZEN")) {
            return 0;
        }
        (void)poll(NULL, 0, V1_FREEZER_LOOK_MS);
    } while (now_ms() < deadline);
    IGNORE(cgroup_file_write(group, "freezer.state", "THAWED")); /* half frozen helps nobody */
    return -ETIMEDOUT;
}

static int freeze_v2(const char *group)
{
    int r = cgroup_file_write(group, "cgroup.freeze", "1");
    r = r < 0 ? r : wait_event(group, "frozen", 1, FREEZE_TIMEOUT_MS);
    if (r == -ETIMEDOUT) {
        IGNORE(cgroup_file_write(group, "cgroup.freeze", "0")); /* half frozen helps nobody */
    }
    return r;
}

static int freezer_failed(int r, const char *group, const char *verb, struct error **err)
{
    return r < 0 ? error_set_errno(err, ERROR_KERNEL, -r, "cannot %s cgroup '%s'", verb, group) : 0;
}

static int no_freezer(struct error **err)
{
    return error_set(err, ERROR_UNSUPPORTED, ENODEV,
                     "this host has no freezer controller, which pausing needs");
}

int cgroup_freeze(const struct cgroup_set *set, struct error **err)
{
    const struct cgroup_group *v2 = cgroup_set_unified(set);
    const struct cgroup_group *v1 = cgroup_set_group(set, CGROUP_FREEZER);
    if (!v2 && !v1) {
        return no_freezer(err);
    }
    return v2 ? freezer_failed(freeze_v2(v2->path), v2->path, "freeze", err)
              : freezer_failed(freeze_v1(v1->path), v1->path, "freeze", err);
}

int cgroup_thaw(const struct cgroup_set *set, struct error **err)
{
    const struct cgroup_group *v2 = cgroup_set_unified(set);
    const struct cgroup_group *v1 = cgroup_set_group(set, CGROUP_FREEZER);
    if (!v2 && !v1) {
        return no_freezer(err);
    }
    const struct cgroup_group *g = v2 ? v2 : v1;
    int r = v2 ? cgroup_file_write(g->path, "cgroup.freeze", "0")
               : cgroup_file_write(g->path, "freezer.state", "THAWED");
    if (r == 0 && v2) {
        r = wait_event(g->path, "frozen", 0, FREEZE_TIMEOUT_MS);
    }
    return freezer_failed(r, g->path, "thaw", err);
}

bool cgroup_is_frozen(const struct cgroup_set *set)
{
    const struct cgroup_group *v2 = cgroup_set_unified(set);
    const struct cgroup_group *v1 = cgroup_set_group(set, CGROUP_FREEZER);
    if (v2) {
        return cgroup_file_number(v2->path, "cgroup.freeze") == 1;
    }
    return v1 && !v1_freezer_says(v1->path, "THAWED");
}

static int by_number(const void *a, const void *b)
{
    pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;
    return (x > y) - (x < y);
}

int cgroup_pids(const struct cgroup_set *set, pid_t **ret, size_t *ret_count, struct error **err)
{
    const struct cgroup_group *g = cgroup_set_leading(set);
    *ret = NULL;
    *ret_count = 0;
    int r = g ? cgroup_collect(g->path, ret, ret_count) : 0;
    if (r < 0) {
        free(take_ptr(*ret));
        *ret_count = 0;
        return error_set_errno(err, ERROR_KERNEL, -r, "cannot list the processes of cgroup '%s'",
                               g->path);
    }
    if (*ret) {
        qsort(*ret, *ret_count, sizeof(**ret), by_number);
    }
    return 0;
}

/* Signals everybody who is there now: how many, or -errno. */
static ssize_t signal_once(const struct cgroup_set *set, int signal)
{
    CLEANUP(free) pid_t *pids = NULL;
    size_t count = 0;
    int r = cgroup_pids(set, &pids, &count, NULL);
    if (r < 0) {
        return r;
    }
    for (size_t i = 0; i < count; i++) {
        if (kill(pids[i], signal) < 0 && errno != ESRCH) {
            return -errno;
        }
    }
    return (ssize_t)count;
}

/* Waits for the end of those who are there now, by their pidfds. */
static int wait_members(const struct cgroup_set *set, int64_t deadline)
{
    CLEANUP(free) pid_t *pids = NULL;
    size_t count = 0;
    int r = cgroup_pids(set, &pids, &count, NULL);
    for (size_t i = 0; i < count && r == 0; i++) {
        CLEANUP(fd) int fd = (int)syscall(SYS_pidfd_open, pids[i], 0);
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int64_t left = deadline - now_ms();
        if (left <= 0 || (fd >= 0 && poll(&p, 1, (int)left) == 0)) {
            r = -ETIMEDOUT;
        }
    }
    return r;
}

/* Without cgroup.kill: nobody forks while frozen, so one round reaches all. */
static int kill_by_hand(const struct cgroup_set *set)
{
    bool frozen = cgroup_freeze(set, NULL) == 0;
    ssize_t n = signal_once(set, SIGKILL);
    if (frozen) {
        IGNORE(
            cgroup_thaw(set, NULL)); /* the killed must run to end; a failure shows as a timeout */
    }
    return n < 0 ? (int)n : 0;
}

/* A group that is removed meanwhile, by systemd when the last process has ended, is not found, or
 * its open files are without a device. */
static bool is_gone(int r)
{
    return r == -ENOENT || r == -ENODEV;
}

static int kill_all(const struct cgroup_set *set)
{
    const struct cgroup_group *v2 = cgroup_set_unified(set);
    int r = v2 ? cgroup_file_write(v2->path, "cgroup.kill", "1") : -ENOENT;
    if (r == 0 && cgroup_is_frozen(set)) {
        IGNORE(cgroup_thaw(set, NULL)); /* as above */
    }
    return is_gone(r) ? kill_by_hand(set) : r;
}

int cgroup_signal(const struct cgroup_set *set, int signal, struct error **err)
{
    ssize_t r = signal == SIGKILL ? kill_all(set) : signal_once(set, signal);
    return r < 0 ? error_set_errno(err, ERROR_KERNEL, (int)-r,
                                   "cannot send signal %d to the processes of cgroup '%s'", signal,
                                   cgroup_set_leading(set)->path)
                 : 0;
}

/* Kills until the groups are empty: 0, -ETIMEDOUT or -errno. */
static int empty(const struct cgroup_set *set)
{
    const struct cgroup_group *v2 = cgroup_set_unified(set);
    int64_t deadline = now_ms() + END_TIMEOUT_MS;
    int r = kill_all(set);
    if (r < 0 || (v2 && access(v2->path, F_OK) < 0)) {
        return is_gone(r) ? 0 : r;
    }
    if (v2) {
        r = wait_event(v2->path, "populated", 0, END_TIMEOUT_MS);
        return is_gone(r) ? 0 : r;
    }
    for (size_t count = 1; r == 0 && count;) {
        CLEANUP(free) pid_t *pids = NULL;
        r = wait_members(set, deadline);
        r = r < 0 ? r : cgroup_pids(set, &pids, &count, NULL);
        if (r == 0 && count) {
            r = kill_all(set);
        }
    }
    return r;
}

/* "cloison" above our group goes with the last one in it; no other folder that we found is ours. */
static void remove_parent(const struct cgroup_group *g)
{
    char parent[CGROUP_PATH_BYTES], ours[CGROUP_PATH_BYTES];
    (void)snprintf(parent, sizeof(parent), "%.*s", (int)(strrchr(g->path, '/') - g->path), g->path);
    if (cgroup_file_path(g->mount, "cloison", ours) == 0 && str_equal(parent, ours)) {
        (void)rmdir(parent); /* EBUSY: not the last */
    }
}

static int remove_groups(const struct cgroup_set *set, const char **ret_failed)
{
    int result = 0;
    for (size_t i = 0; i < set->count; i++) {
        int r = cgroup_remove_folders(set->groups[i].path);
        if (r < 0) {
            *ret_failed = set->groups[i].path;
            result = r;
        } else {
            remove_parent(&set->groups[i]);
        }
    }
    return result;
}

/* A group in one v1 hierarchy may hold a process that another does not know of: one moved by hand,
 * or by a crash between two joins. */
static int empty_each(const struct cgroup_set *set)
{
    int r = empty(set);
    for (size_t i = 0; i < set->count && r == 0; i++) {
        struct cgroup_set one = {.groups = {set->groups[i]}, .count = 1, .unified = -1};
        if (!set->groups[i].v2) {
            r = empty(&one);
        }
    }
    return r;
}

int cgroup_remove(const struct cgroup_set *set, struct error **err)
{
    const char *failed = NULL;
    /* Nearly always nobody is left: the first process's end took its pid namespace along. */
    int r = remove_groups(set, &failed);
    if (r == -EBUSY || r == -ENOTEMPTY) {
        r = empty_each(set);
        r = r < 0 ? r : remove_groups(set, &failed);
    }
    return r < 0 ? error_set_errno(err, ERROR_KERNEL, -r, "cannot remove cgroup '%s'", failed) : 0;
}
