// SPDX-License-Identifier: Apache-2.0
#include "wall/container/cgroup_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

int cgroup_file_path(const char *group, const char *file, char *ret)
{
    int n = snprintf(ret, CGROUP_PATH_BYTES, "%s/%s", group, file);
    return n < CGROUP_PATH_BYTES ? 0 : -ENAMETOOLONG;
}

int cgroup_file_open(const char *group, const char *file, int flags)
{
    char path[CGROUP_PATH_BYTES];
    int r = cgroup_file_path(group, file, path);
    if (r < 0) {
        return r;
    }
    int fd = open(path, flags | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int cgroup_file_write(const char *group, const char *file, const char *value)
{
    int fd = cgroup_file_open(group, file, O_WRONLY);
    if (fd < 0) {
        return fd;
    }
    int r = write(fd, value, strlen(value)) < 0 ? -errno : 0;
    fd_close(fd);
    return r;
}

ssize_t cgroup_file_read(const char *group, const char *file, char *text, size_t size)
{
    int fd = cgroup_file_open(group, file, O_RDONLY);
    if (fd < 0) {
        return fd;
    }
    ssize_t n = read_all(fd, text, size - 1);
    fd_close(fd);
    if (n >= 0) {
        text[n] = 0;
    }
    return n;
}

int64_t cgroup_file_number(const char *group, const char *file)
{
    char text[64];
    ssize_t n = cgroup_file_read(group, file, text, sizeof(text));
    if (n <= 0) {
        return -1;
    }
    text[strcspn(text, "\n")] = 0;
    int64_t value = -1;
    /* v1 writes "unlimited" as the largest multiple of the page size. */
    if (str_to_i64(text, 10, &value) < 0 || value >= INT64_MAX - 65536) {
        return -1;
    }
    return value;
}

int64_t cgroup_text_value(const char *text, const char *key)
{
    size_t len = strlen(key);
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, len) == 0 && line[len] == ' ') {
            char number[32];
            const char *digits = line + len + 1;
            (void)snprintf(number, sizeof(number), "%.*s", (int)strcspn(digits, "\n"), digits);
            int64_t value;
            return str_to_i64(number, 10, &value) < 0 ? -1 : value;
        }
    }
    return -1;
}

const struct cgroup_group *cgroup_set_group(const struct cgroup_set *set, enum cgroup_controller c)
{
    for (size_t i = 0; i < set->count; i++) {
        if (set->groups[i].controllers & CGROUP_BIT(c)) {
            return &set->groups[i];
        }
    }
    return NULL;
}

const struct cgroup_group *cgroup_set_unified(const struct cgroup_set *set)
{
    return set->unified < 0 ? NULL : &set->groups[set->unified];
}

const struct cgroup_group *cgroup_set_leading(const struct cgroup_set *set)
{
    const struct cgroup_group *g = cgroup_set_unified(set);
    if (!g) {
        g = cgroup_set_group(set, CGROUP_FREEZER);
    }
    return g ? g : set->count ? &set->groups[0] : NULL;
}

int cgroup_walk(const char *group, int (*each)(const char *path, void *context), void *context)
{
    CLEANUP(dir) DIR *d = opendir(group);
    if (!d) {
        return errno == ENOENT ? 0 : -errno;
    }
    struct dirent *entry;
    while ((entry = readdir(d))) {
        if (entry->d_type != DT_DIR || entry->d_name[0] == '.') {
            continue; /* no group that we or a workload makes is hidden, but "." and ".." are */
        }
        char path[CGROUP_PATH_BYTES];
        int r = cgroup_file_path(group, entry->d_name, path);
        if (r < 0 || (r = cgroup_walk(path, each, context)) < 0) {
            return r;
        }
    }
    return each(group, context);
}

static int remove_one(const char *path, void *context)
{
    return rmdir(path) < 0 && errno != ENOENT ? -errno : 0;
}

int cgroup_remove_folders(const char *group)
{
    /* Nearly always there is nothing below and nobody in it. */
    if (rmdir(group) == 0 || errno == ENOENT) {
        return 0;
    }
    if (errno != EBUSY && errno != ENOTEMPTY) {
        return -errno;
    }
    return cgroup_walk(group, remove_one, NULL);
}

struct collection {
    pid_t *pids;
    size_t count;
};

static int collect_one(const char *path, void *context)
{
    struct collection *c = context;
    CLEANUP(free) char *text = NULL;
    char file[CGROUP_PATH_BYTES];
    int r = cgroup_file_path(path, "cgroup.procs", file);
    if (r < 0) {
        return r;
    }
    r = file_read(AT_FDCWD, file, (size_t)1 << 24, &text, NULL, NULL);
    if (r < 0) {
        /* Gone meanwhile, or a threaded group, whose processes its domain lists. */
        return r == -ENOENT || r == -ENODEV || r == -EOPNOTSUPP ? 0 : r;
    }
    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        CLEANUP(free) char *number = xstrndup(line, strcspn(line, "\n"));
        int64_t pid;
        if (str_to_i64(number, 10, &pid) == 0 && pid > 0) {
            c->pids = xrealloc(c->pids, (c->count + 1) * sizeof(*c->pids));
            c->pids[c->count++] = (pid_t)pid;
        }
    }
    return 0;
}

int cgroup_collect(const char *group, pid_t **pids, size_t *count)
{
    struct collection c = {*pids, *count};
    int r = cgroup_walk(group, collect_one, &c);
    *pids = c.pids;
    *count = c.count;
    return r;
}
