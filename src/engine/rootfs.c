// SPDX-License-Identifier: Apache-2.0
#include "engine/rootfs.h"

#include <errno.h>
#include <fcntl.h>

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

int rootfs_open(const struct engine *e, const struct container *c, bool write, struct error **err)
{
    if (container_is_up(c) && c->pid > 0) {
        CLEANUP(free) char *root = str_format("/proc/%d/root", c->pid);
        return open_file(AT_FDCWD, root, O_RDONLY | O_DIRECTORY, 0, err);
    }
    CLEANUP(free) char *upper = container_data_path(e, c->id, "upper");
    CLEANUP(free) char *work = container_data_path(e, c->id, "work");
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
    CLEANUP(free) char *upper = container_data_path(e, c->id, "upper");
    return open_file(AT_FDCWD, upper, O_RDONLY | O_DIRECTORY, 0, err);
}
