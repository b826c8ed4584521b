// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "wall/container/cgroup_files.h"

int cgroup_open(const struct cgroup_set *set, struct cgroup_door *ret, struct error **err)
{
    *ret = (struct cgroup_door){.unified_fd = -1};
    for (size_t i = 0; i < set->count; i++) {
        const struct cgroup_group *g = &set->groups[i];
        int fd = g->v2 ? open(g->path, O_PATH | O_DIRECTORY | O_CLOEXEC)
                       : cgroup_file_open(g->path, "tasks", O_WRONLY);
        fd = g->v2 && fd < 0 ? -errno : fd;
        if (fd < 0) {
            cgroup_door_close(ret);
            return error_set_errno(err, ERROR_KERNEL, -fd, "cannot open cgroup '%s'", g->path);
        }
        if (g->v2) {
            ret->unified_fd = fd;
        } else {
            ret->tasks_fds[ret->tasks_count++] = fd;
        }
    }
    return 0;
}

void cgroup_door_close(struct cgroup_door *door)
{
    for (size_t i = 0; i < door->tasks_count; i++) {
        fd_close(door->tasks_fds[i]);
    }
    fd_close(door->unified_fd);
    *door = (struct cgroup_door){.unified_fd = -1};
}

int cgroup_join(const struct cgroup_door *door)
{
    for (size_t i = 0; i < door->tasks_count; i++) {
        if (write(door->tasks_fds[i], "0", 1) != 1) {
            return -errno;
        }
    }
    return 0;
}

int cgroup_attach(const struct cgroup_set *set, pid_t pid, struct error **err)
{
    char text[16];
    (void)snprintf(text, sizeof(text), "%d", pid);
    for (size_t i = 0; i < set->count; i++) {
        int r = cgroup_file_write(set->groups[i].path, "cgroup.procs", text);
        if (r < 0) {
            return error_set_errno(err, ERROR_KERNEL, -r, "cannot move process %d into cgroup '%s'",
                                   pid, set->groups[i].path);
        }
    }
    return 0;
}

json_t *cgroup_set_to_json(const struct cgroup_set *set)
{
    json_t *array = json_array();
    for (size_t i = 0; i < set->count; i++) {
        const struct cgroup_group *g = &set->groups[i];
        json_t *item = json_pack("{s:s, s:s, s:I, s:b}", "path", g->path, "mount", g->mount,
                                 "controllers", (json_int_t)g->controllers, "v2", (int)g->v2);
        (void)json_array_append_new(array, item);
    }
    return array;
}

int cgroup_set_from_json(struct arena *a, const json_t *json, struct cgroup_set *ret,
                         struct error **err)
{
    *ret = (struct cgroup_set){.unified = -1};
    size_t index;
    json_t *item;
    json_array_foreach((json_t *)json, index, item)
    {
        const char *path, *mount;
        json_int_t controllers;
        int v2;
        if (ret->count == CGROUP_HIERARCHIES_MAX ||
            json_unpack(item, "{s:s, s:s, s:I, s:b}", "path", &path, "mount", &mount, "controllers",
                        &controllers, "v2", &v2) < 0 ||
            path[0] != '/' || strncmp(path, mount, strlen(mount)) != 0) {
            return error_set(err, ERROR_CORRUPT, EBADMSG, "the state's list of cgroups is damaged");
        }
        ret->unified = v2 ? (int)ret->count : ret->unified;
        ret->groups[ret->count++] = (struct cgroup_group){
            .path = arena_strdup(a, path),
            .mount = arena_strdup(a, mount),
            .controllers = (uint32_t)controllers,
            .v2 = v2,
        };
    }
    return 0;
}
