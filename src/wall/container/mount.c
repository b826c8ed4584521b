// SPDX-License-Identifier: Apache-2.0
#include "wall/container/mount.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/file.h"
#include "wall/container/foreign.h"

int mount_clone(int dirfd, const char *path, bool recursive)
{
    unsigned int flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC;
    flags |= *path ? 0 : AT_EMPTY_PATH;
    flags |= recursive ? AT_RECURSIVE : 0;
    int fd = open_tree(dirfd, path, flags);
    return fd < 0 ? -errno : fd;
}

/* The parameters in order; stops at the one that the file system refuses. */
static int configure(int fs, const char *source, const struct mount_parameter *parameters,
                     size_t count, struct mount_result *ret)
{
    if (source && fsconfig(fs, FSCONFIG_SET_STRING, "source", source, 0) < 0) {
        return -errno;
    }
    for (size_t i = 0; i < count; i++) {
        const struct mount_parameter *p = &parameters[i];
        int command = p->value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG;
        if (fsconfig(fs, (unsigned int)command, p->key, p->value, 0) < 0) {
            *ret = (struct mount_result){DETAIL_OPTION, (int)i};
            return -errno;
        }
    }
    return fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0 ? -errno : 0;
}

int mount_new(const char *type, const char *source, const struct mount_parameter *parameters,
              size_t parameter_count, uint64_t attributes, struct mount_result *ret)
{
    struct mount_result unwanted;
    CLEANUP(fd) int fs = fsopen(type, FSOPEN_CLOEXEC);
    if (fs < 0) {
        return -errno;
    }
    int r = configure(fs, source, parameters, parameter_count, ret ? ret : &unwanted);
    if (r < 0) {
        return r;
    }
    int fd = fsmount(fs, FSMOUNT_CLOEXEC, (unsigned int)attributes);
    return fd < 0 ? -errno : fd;
}

int mount_attributes_set(int fd, const struct mount_attributes *attributes, bool recursive)
{
    struct mount_attr attr = {.attr_set = attributes->set, .attr_clr = attributes->clear};
    if (!attr.attr_set && !attr.attr_clr) {
        return 0;
    }
    unsigned int flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);
    return mount_setattr(fd, "", flags, &attr, sizeof(attr)) < 0 ? -errno : 0;
}

int mount_propagate(int fd, unsigned long flags)
{
    struct mount_attr attr = {.propagation = flags & ~(unsigned long)MS_REC};
    unsigned int at = AT_EMPTY_PATH | (flags & MS_REC ? AT_RECURSIVE : 0);
    return mount_setattr(fd, "", at, &attr, sizeof(attr)) < 0 ? -errno : 0;
}

int mount_idmap(int fd, int user_fd, bool recursive)
{
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (__u64)user_fd};
    unsigned int flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);
    return mount_setattr(fd, "", flags, &attr, sizeof(attr)) < 0 ? -errno : 0;
}

int mount_attach(int mount_fd, int target_fd)
{
    unsigned int flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
    return move_mount(mount_fd, "", target_fd, "", flags) < 0 ? -errno : 0;
}

/* Takes the mount and gives it back id-mapped, or closes it. */
static int idmapped_take(int fd, const struct idmap *map, int user_fd, struct mount_result *ret)
{
    if (fd < 0 || map->kind == IDMAP_NONE || user_fd < 0) {
        return fd;
    }
    int r = mount_idmap(fd, user_fd, map->recursive);
    if (r < 0) {
        ret->detail = DETAIL_IDMAP;
        fd_close(fd);
        return r;
    }
    return fd;
}

int folder_make(const struct step_folder *f, int user_fd, struct mount_result *ret)
{
    int fd = mount_clone(AT_FDCWD, f->path, true);
    if (fd < 0) {
        ret->detail = DETAIL_SOURCE;
        return fd;
    }
    return idmapped_take(fd, &f->idmap, user_fd, ret);
}

static int source_open(const struct step_mount *m)
{
    int fd = open(m->source, O_PATH | O_CLOEXEC | (m->no_symlinks ? O_NOFOLLOW : 0));
    return fd < 0 ? -errno : fd;
}

/* A bind mount's tree. On '/proc' itself only another procfs may be bound. */
static int bind_make(const struct step_mount *m, struct mount_result *ret)
{
    bool foreign = foreign_is(m->source);
    CLEANUP(fd) int source = foreign ? foreign_open(m->source) : source_open(m);
    if (source < 0) {
        ret->detail = DETAIL_SOURCE;
        return source;
    }
    struct statfs st;
    if (m->is_proc && (fstatfs(source, &st) < 0 || st.f_type != PROC_SUPER_MAGIC)) {
        ret->detail = DETAIL_NOT_PROC;
        return -EPERM;
    }
    int fd = foreign ? foreign_clone(m->source, source, m->bind_recursive)
                     : mount_clone(source, "", m->bind_recursive);
    if (fd < 0) {
        ret->detail = DETAIL_SOURCE;
    }
    return fd;
}

int mount_make(const struct step_mount *m, int user_fd, struct mount_result *ret)
{
    if (m->overlay) {
        return overlay_make(m->overlay, -1, ret);
    }
    if (m->type) {
        /* What is still to be written into must become read-only later. */
        uint64_t late = m->copy_up || m->take_mode ? MOUNT_ATTR_RDONLY : 0;
        int fd = mount_new(m->type, m->source, m->parameters, m->parameter_count,
                           m->attributes.set & ~late, ret);
        return idmapped_take(fd, &m->idmap, user_fd, ret);
    }
    return idmapped_take(bind_make(m, ret), &m->idmap, user_fd, ret);
}
