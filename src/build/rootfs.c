// SPDX-License-Identifier: Apache-2.0
#include "build/rootfs.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "build/sealer.h"
#include "wall/container/mount.h"

#define TEXT_BYTES_MAX ((size_t)4 << 20)

void rootfs_layers(const struct stage *s, struct strv *ret)
{
    for (size_t i = s->layer_count; i > 0; i--) {
        strv_add(ret, s->layers[i - 1].diff);
    }
}

void rootfs_layers_of(const struct build *b, const struct input *from, struct strv *ret)
{
    if (from->kind == INPUT_STAGE) {
        rootfs_layers(&b->stages[from->stage], ret);
    } else if (from->kind == INPUT_IMAGE) {
        strv_add_all(ret, from->image->layers.items);
    }
}

int rootfs_mount(const struct strv *layers, const char *upper, const char *work, const char *at,
                 struct error **err)
{
    if (!layers->count && !upper) {
        return error_set(err, ERROR_NOT_FOUND, 0, "it has no files");
    }
    if (!upper ? layers->count == 1 : !layers->count) { /* an overlay wants two */
        return open_file(AT_FDCWD, upper ? upper : layers->items[0], O_RDONLY | O_DIRECTORY, 0,
                         err);
    }
    struct mount_result why;
    struct step_overlay o = {.layers = (const char *const *)layers->items,
                             .layer_count = layers->count,
                             .upper = upper,
                             .work = work,
                             .is_volatile = upper != NULL,
                             .at = at};
    CLEANUP(fd) int mount = overlay_make(&o, -1, &why);
    int fd = mount < 0 ? mount : openat(mount, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? error_set_errno(err, ERROR_KERNEL, mount < 0 ? -mount : errno,
                                    "mounting the layers below")
                  : fd;
}

int step_folders_make(const struct build *b, const struct build_step *step,
                      struct step_folders *ret, struct error **err)
{
    CLEANUP(free) char *folder = str_format("%s/s%d", sealer_folder(b->sealer), step->number);
    ret->diff = str_format("%s/diff", folder);
    ret->work = str_format("%s/work", folder);
    if (mkdir(folder, 0700) < 0 || mkdir(ret->diff, 0755) < 0 || mkdir(ret->work, 0700) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "making the folder '%s'", folder);
    }
    return 0;
}

void step_folders_done(struct step_folders *f)
{
    free(f->diff);
    free(f->work);
}

char *rootfs_read(int root, const char *path)
{
    CLEANUP(fd) int fd = open_in_root(root, path, O_RDONLY | O_NONBLOCK, 0);
    struct stat st;
    char *text = NULL;
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        return NULL;
    }
    CLEANUP(free) char *self = str_format("/proc/self/fd/%d", fd);
    return file_read(AT_FDCWD, self, TEXT_BYTES_MAX, &text, NULL, NULL) < 0 ? NULL : text;
}

int rootfs_of_stage(const struct build *b, const struct stage *s, struct error **err)
{
    CLEANUP(strv) struct strv layers = {0};
    rootfs_layers(s, &layers);
    if (!layers.count) { /* an empty stage: an empty folder */
        CLEANUP(free) char *empty = str_format("%s/empty", b->run_dir);
        int r = mkdir_all(empty, 0755, err);
        return r < 0 ? r : open_file(AT_FDCWD, empty, O_RDONLY | O_DIRECTORY, 0, err);
    }
    return rootfs_mount(&layers, NULL, NULL, b->run_dir, err);
}
