// SPDX-License-Identifier: Apache-2.0
/* The overlay of an image's layers and a writable folder, as a detached mount.
 *
 * Kernels since 6.7 take the layers one by one ("lowerdir+"), each as long as a path may be; older
 * ones want one string, which the new mount API limits to 256 bytes and mount(2) to a page: there
 * the layers are named by descriptor, "/proc/self/fd/20:…", 127 of which fit.
 *
 * The options are not left to the host's defaults: layers come from images, so neither redirects
 * nor metacopy marks in them are followed. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "wall/container/mount.h"

static const struct mount_parameter own_options[] = {
    {"redirect_dir", "nofollow"},
    {"metacopy", "off"},
    {"index", "off"},
};

static int set(int fs, const char *key, const char *value)
{
    return fsconfig(fs, value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, key, value, 0) < 0 ? -errno
                                                                                            : 0;
}

/* Before 6.5 overlayfs had no parser for the new mount API: the kernel collects whatever it is told
 * and refuses only at the end, in its log. So ask first with what no parser knows. */
static bool takes_anything(int fs)
{
    return set(fs, "no-such-option", NULL) == 0;
}

/* -EOPNOTSUPP: this kernel does not know "lowerdir+". */
static int set_layers(int fs, const struct step_overlay *o, struct mount_result *ret)
{
    if (takes_anything(fs)) {
        return -EOPNOTSUPP;
    }
    for (size_t i = 0; i < o->layer_count; i++) {
        int r = set(fs, "lowerdir+", o->layers[i]);
        if (r < 0) {
            if (r == -EINVAL && i == 0 && access(o->layers[0], F_OK) == 0) {
                return -EOPNOTSUPP;
            }
            *ret = (struct mount_result){DETAIL_LAYER, (int)i};
            return r;
        }
    }
    return 0;
}

static int make_new_way(const struct step_overlay *o, struct mount_result *ret)
{
    CLEANUP(fd) int fs = fsopen("overlay", FSOPEN_CLOEXEC);
    if (fs < 0) {
        return -errno;
    }
    int r = set_layers(fs, o, ret);
    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(own_options); i++) {
        r = set(fs, own_options[i].key, own_options[i].value);
    }
    r = r == 0 ? set(fs, "source", "overlay") : r;
    r = r == 0 && o->upper ? set(fs, "upperdir", o->upper) : r;
    r = r == 0 && o->upper ? set(fs, "workdir", o->work) : r;
    r = r == 0 && o->is_volatile ? set(fs, "volatile", NULL) : r;
    r = r == 0 && o->context ? set(fs, "context", o->context) : r;
    if (r == 0 && fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0) {
        r = -errno;
    }
    if (r < 0) {
        return r;
    }
    int fd = fsmount(fs, FSMOUNT_CLOEXEC, 0);
    return fd < 0 ? -errno : fd;
}

/* Folders by descriptor: they must stay open up to the mount. */
struct named_folders {
    int fds[PLAN_LAYERS_MAX + 2];
    size_t count;
};

static int name_folder(struct named_folders *f, const char *path)
{
    if (f->count == ARRAY_SIZE(f->fds)) {
        return -ENAMETOOLONG;
    }
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    f->fds[f->count++] = fd;
    return fd;
}

static void named_folders_cleanup(struct named_folders *f)
{
    while (f->count) {
        fd_close(f->fds[--f->count]);
    }
}

/* The option string. */
static int legacy_options(const struct step_overlay *o, struct named_folders *f, char *text,
                          size_t size, struct mount_result *ret)
{
    size_t len = 0;
    for (size_t i = 0; i < o->layer_count; i++) {
        int fd = name_folder(f, o->layers[i]);
        if (fd < 0) {
            *ret = (struct mount_result){DETAIL_LAYER, (int)i};
            return fd;
        }
        len += (size_t)snprintf(text + len, size - len, "%s/proc/self/fd/%d",
                                i ? ":" : "lowerdir=", fd);
        if (len >= size) {
            return -ENAMETOOLONG;
        }
    }
    for (size_t i = 0; i < ARRAY_SIZE(own_options); i++) {
        len += (size_t)snprintf(text + len, size - len, ",%s=%s", own_options[i].key,
                                own_options[i].value);
        if (len >= size) {
            return -ENAMETOOLONG;
        }
    }
    if (o->upper) {
        int upper = name_folder(f, o->upper);
        int work = upper < 0 ? upper : name_folder(f, o->work);
        if (work < 0) {
            return work;
        }
        len += (size_t)snprintf(text + len, size - len,
                                ",upperdir=/proc/self/fd/%d,workdir=/proc/self/fd/%d%s", upper,
                                work, o->is_volatile ? ",volatile" : "");
    }
    if (len < size && o->context) {
        len += (size_t)snprintf(text + len, size - len, ",context=\"%s\"", o->context);
    }
    return len >= size ? -ENAMETOOLONG : 0;
}

int overlay_make_legacy(const struct step_overlay *o, struct mount_result *ret)
{
    char text[4096]; /* mount(2) takes a page */
    CLEANUP(named_folders) struct named_folders folders = {.count = 0};
    int r = legacy_options(o, &folders, text, sizeof(text), ret);
    if (r < 0) {
        return r;
    }
    if (mount("overlay", o->at, "overlay", 0, text) < 0) {
        return -errno;
    }
    int fd = mount_clone(AT_FDCWD, o->at, false);
    if (umount2(o->at, MNT_DETACH) < 0 && fd >= 0) {
        r = -errno;
        fd_close(fd);
        return r;
    }
    return fd;
}

/* Lays an id-mapped clone of the folder over itself. Only in a mount namespace of one's own, where
 * nobody else sees it: so the overlay's layers keep their paths. */
static int cover(const char *path, int user_fd, struct mount_result *ret)
{
    CLEANUP(fd) int fd = mount_clone(AT_FDCWD, path, false);
    if (fd < 0) {
        return fd;
    }
    int r = mount_idmap(fd, user_fd, false);
    if (r < 0) {
        ret->detail = DETAIL_IDMAP;
        return r;
    }
    return move_mount(fd, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH) < 0 ? -errno : 0;
}

/* An overlay acts on its layers as whoever mounted it. The host's root has no id in the id-mapped
 * upper folder and could make nothing there: take the ids that its owner has through the mapping,
 * for this process's accesses to files alone, and keep the rights that the change would cost. */
static int act_as_owner(const char *folder)
{
    struct stat st;
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2];
    if (stat(folder, &st) < 0 || syscall(SYS_capget, &header, data) < 0) {
        return -errno;
    }
    (void)syscall(SYS_setfsgid, st.st_gid); /* they return the id before, whatever happens */
    (void)syscall(SYS_setfsuid, st.st_uid);
    return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

/* Who may exceed quotas would do so for whoever writes to the overlay. */
static int make_without_resource(const struct step_overlay *o, struct mount_result *ret)
{
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct all[2], fewer[2];
    if (syscall(SYS_capget, &header, all) < 0) {
        return -errno;
    }
    memcpy(fewer, all, sizeof(all));
    fewer[0].effective &= ~(1U << CAP_SYS_RESOURCE);
    if (syscall(SYS_capset, &header, fewer) < 0) {
        return -errno;
    }
    int fd = make_new_way(o, ret);
    fd = fd == -EOPNOTSUPP ? overlay_make_legacy(o, ret) : fd;
    return syscall(SYS_capset, &header, all) < 0 && fd >= 0 ? -errno : fd;
}

int overlay_make(const struct step_overlay *o, int user_fd, struct mount_result *ret)
{
    for (size_t i = 0; user_fd >= 0 && i < o->layer_count; i++) {
        int r = cover(o->layers[i], user_fd, ret);
        if (r < 0) {
            *ret = (struct mount_result){ret->detail ? ret->detail : DETAIL_LAYER, (int)i};
            return r;
        }
    }
    if (user_fd >= 0 && o->upper) {
        int r = cover(o->common, user_fd, ret);
        if (r == 0) {
            r = act_as_owner(o->upper);
        }
        if (r < 0) {
            return r;
        }
    }
    int fd = make_without_resource(o, ret);
    /* Where overlayfs cannot use the work folder it mounts read-only and says so to nobody. */
    struct statfs st;
    if (fd >= 0 && o->upper && (fstatfs(fd, &st) < 0 || st.f_flags & ST_RDONLY)) {
        fd_close(fd);
        return -EROFS;
    }
    return fd;
}
