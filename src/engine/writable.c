// SPDX-License-Identifier: Apache-2.0
#include "engine/writable.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "engine/writable_internal.h"

#define SIZE "size="
#define BYTES_MIN (INT64_C(16) << 20) /* a journal, and something beside it */
#define IMAGE "disk.img"

static const char *const folders[] = {"upper", "work"};

int writable_parse(const struct strv *options, bool elsewhere, uint64_t *ret_bytes,
                   struct error **err)
{
    *ret_bytes = 0;
    for (size_t i = 0; i < options->count; i++) {
        const char *text = options->items[i];
        int64_t bytes = 0;
        if (!str_starts(text, SIZE)) {
            return error_set(err, ERROR_USAGE, 0, "--storage-opt '%s': only size=BYTES is known",
                             text);
        }
        if (str_to_bytes(text + strlen(SIZE), &bytes) < 0 || bytes <= 0) {
            return error_set(err, ERROR_USAGE, 0, "--storage-opt '%s': no size", text);
        }
        if (!elsewhere && bytes < BYTES_MIN) {
            return error_set(err, ERROR_USAGE, 0, "--storage-opt '%s': at least 16 MiB", text);
        }
        *ret_bytes = (uint64_t)bytes;
    }
    return 0;
}

uint64_t writable_bytes(const struct container *c)
{
    CLEANUP(strv) struct strv options = {0};
    uint64_t bytes = 0;
    if (json_get_strv(c->request, "storageOpt", "request", &options, NULL) < 0 ||
        writable_parse(&options, true, &bytes, NULL) < 0) {
        return 0;
    }
    return bytes;
}

static bool has_image(const struct engine *e, const struct container *c)
{
    CLEANUP(free) char *image = container_data_path(e, c->id, IMAGE);
    return access(image, F_OK) == 0;
}

char *writable_path(const struct engine *e, const struct container *c, const char *name)
{
    CLEANUP(free) char *inside = str_format("disk/%s", name);
    return container_data_path(e, c->id, has_image(e, c) ? inside : name);
}

static int make_folder(const char *path, struct error **err)
{
    return mkdir(path, 0755) < 0
               ? error_set_errno(err, ERROR_KERNEL, errno, "making the folder '%s'", path)
               : 0;
}

static int make_folders(const char *below, struct error **err)
{
    int r = 0;
    for (size_t i = 0; i < ARRAY_SIZE(folders) && r >= 0; i++) {
        CLEANUP(free) char *path = str_format("%s/%s", below, folders[i]);
        r = make_folder(path, err);
    }
    return r;
}

static int make_on_disk(const struct engine *e, const struct container *c, uint64_t bytes,
                        struct error **err)
{
    CLEANUP(free) char *image = container_data_path(e, c->id, IMAGE);
    CLEANUP(free) char *at = container_data_path(e, c->id, "disk");
    CLEANUP(free) char *skeleton = container_data_path(e, c->id, "skeleton");
    if (access("/dev/loop-control", R_OK | W_OK) < 0) {
        return error_set_errno(err, ERROR_UNSUPPORTED, errno,
                               "--storage-opt: the file system of '%s' has no project quotas "
                               "(mount option prjquota), and '/dev/loop-control' is of no use",
                               e->data_dir);
    }
    int r = make_folder(at, err);
    r = r < 0 ? r : make_folder(skeleton, err);
    r = r < 0 ? r : make_folders(skeleton, err);
    r = r < 0 ? r : writable_disk_make(image, skeleton, bytes, err);
    return r < 0 ? r : remove_tree(AT_FDCWD, skeleton, err);
}

int writable_make(const struct engine *e, const struct container *c, bool elsewhere,
                  struct error **err)
{
    uint64_t bytes = elsewhere ? 0 : writable_bytes(c);
    CLEANUP(free) char *folder = container_data_path(e, c->id, NULL);
    int r = make_folders(folder, err);
    if (r < 0 || !bytes) {
        return r;
    }
    r = writable_quota_set(folder, bytes, err);
    if (r != 0) {
        return r < 0 ? r : 0;
    }
    for (size_t i = 0; i < ARRAY_SIZE(folders); i++) { /* they are on the disk then */
        CLEANUP(free) char *path = str_format("%s/%s", folder, folders[i]);
        (void)rmdir(path); /* just made, empty */
    }
    return make_on_disk(e, c, bytes, err);
}

static bool is_mounted(const char *folder, const char *at)
{
    struct stat outside, inside;
    return stat(folder, &outside) == 0 && stat(at, &inside) == 0 && outside.st_dev != inside.st_dev;
}

int writable_enter(const struct engine *e, const struct container *c, struct error **err)
{
    CLEANUP(free) char *folder = container_data_path(e, c->id, NULL);
    CLEANUP(free) char *image = container_data_path(e, c->id, IMAGE);
    CLEANUP(free) char *at = container_data_path(e, c->id, "disk");
    if (!has_image(e, c) || is_mounted(folder, at)) {
        return 0;
    }
    /* A slave: what is mounted on the host goes on reaching it. */
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno,
                               "a mount namespace for the writable layer");
    }
    return writable_disk_mount(image, at, err);
}

void writable_leave(const struct engine *e, const struct container *c)
{
    CLEANUP(free) char *folder = container_data_path(e, c->id, NULL);
    CLEANUP(free) char *at = container_data_path(e, c->id, "disk");
    if (has_image(e, c) && is_mounted(folder, at)) {
        (void)umount2(at, MNT_DETACH); /* else it goes with the process */
    }
}

void writable_release(const char *folder)
{
    writable_quota_clear(folder);
}
