// SPDX-License-Identifier: Apache-2.0
#include "engine/rootfs.h"

#include <errno.h>
#include <fcntl.h>

#include "base/file.h"
#include "engine/draft.h"
#include "engine/stats.h"
#include "engine/writable.h"
#include "wall/container/mount.h"

static int mount_failed(int code, struct error **err)
{
    return error_set_errno(err, ERROR_KERNEL, -code, "mounting its layers");
}

/* `at` is where kernels before 6.7 have to mount for a moment. */
static int mount_layers(const struct strv *layers, const char *upper, const char *work,
                        const char *at, struct error **err)
{
    struct mount_result why;
    if (layers->count == 1 && !upper) {
        return open_file(AT_FDCWD, layers->items[0], O_RDONLY | O_DIRECTORY, 0, err);
    }
    struct step_overlay o = {.layers = (const char *const *)layers->items,
                             .layer_count = layers->count,
                             .upper = upper,
                             .work = work,
                             .at = at};
    CLEANUP(fd) int mount = overlay_make(&o, -1, &why);
    int fd = mount < 0 ? mount : openat(mount, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? mount_failed(mount < 0 ? mount : -errno, err) : fd;
}

/* Through the wall, when the files are not the host's own. 0: they are. */
static int open_by_wall(const struct engine *e, const struct container *c, enum wall_tree tree,
                        int *ret_fd, struct error **err)
{
    const struct wall_ops *wall = NULL;
    struct workload *w = NULL;
    struct plan *plan = NULL;
    CLEANUP(spec) struct spec *spec = NULL;
    CLEANUP(free) char *config = container_data_path(e, c->id, "config.json");
    int r = wall_find(c->wall, &wall, err);
    if (r < 0 || !wall->files) {
        return r;
    }
    if (container_is_up(c)) {
        r = engine_workload(e, c, &wall, &w, err);
        r = r < 0 ? r : wall->files(w, tree, ret_fd, err);
        wall->close(w);
        return r < 0 ? r : 1;
    }
    r = spec_load_path(AT_FDCWD, config, &spec, err);
    r = r < 0 ? r : container_plan(e, c, spec, wall, &plan, err);
    r = r < 0 ? r : wall->browse(plan, tree, ret_fd, err);
    wall->plan_free(plan);
    return r < 0 ? r : 1;
}

bool rootfs_is_served(const struct container *c)
{
    const struct wall_ops *wall = NULL;
    return wall_find(c->wall, &wall, NULL) >= 0 && wall->files;
}

static int open_folder(int fd, struct error **err)
{
    int folder = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return folder < 0 ? error_set_errno(err, ERROR_KERNEL, errno, "its files") : folder;
}

int rootfs_open(const struct engine *e, const struct container *c, bool write, struct error **err)
{
    CLEANUP(fd) int served = -1;
    int r = open_by_wall(e, c, WALL_TREE_ROOT, &served, err);
    if (r != 0) {
        return r < 0 ? r : open_folder(served, err);
    }
    if (container_is_up(c) && c->pid > 0) {
        CLEANUP(free) char *root = str_format("/proc/%d/root", c->pid);
        return open_file(AT_FDCWD, root, O_RDONLY | O_DIRECTORY, 0, err);
    }
    r = writable_enter(e, c, err);
    if (r < 0) {
        return r;
    }
    CLEANUP(free) char *upper = writable_path(e, c, "upper");
    CLEANUP(free) char *work = writable_path(e, c, "work");
    CLEANUP(free) char *at = container_data_path(e, c->id, "");
    if (write) {
        return mount_layers(&c->layers, upper, work, at, err);
    }
    CLEANUP(strv) struct strv all = {0}; /* to be read, the written part is a layer as the others */
    strv_add(&all, upper);
    strv_add_all(&all, c->layers.items);
    return mount_layers(&all, NULL, NULL, at, err);
}

int rootfs_open_image(const struct container *c, struct error **err)
{
    return mount_layers(&c->layers, NULL, NULL, c->layers.count ? c->layers.items[0] : "/", err);
}

int rootfs_open_upper(const struct engine *e, const struct container *c, struct error **err)
{
    CLEANUP(fd) int served = -1;
    int r = open_by_wall(e, c, WALL_TREE_UPPER, &served, err);
    if (r != 0) {
        return r < 0 ? r : open_folder(served, err);
    }
    r = writable_enter(e, c, err);
    if (r < 0) {
        return r;
    }
    CLEANUP(free) char *upper = writable_path(e, c, "upper");
    return open_file(AT_FDCWD, upper, O_RDONLY | O_DIRECTORY, 0, err);
}
