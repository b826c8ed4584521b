// SPDX-License-Identifier: Apache-2.0
/* One mount of the spec: made detached, given its attributes, attached to its target. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/file.h"
#include "wall/container/mount.h"
#include "wall/container/step.h"

STEP_DESCRIBE(mount)
{
    const struct step_mount *m = &s->mount;
    if (m->overlay) {
        describe_text(d, "an overlay of %zu layers on '/%s'", m->overlay->layer_count, m->target);
        describe_extra(d, "read-only");
        describe_strv(d, "layers", m->overlay->layers, m->overlay->layer_count);
    } else if (m->type) {
        describe_text(d, "%s on '/%s'", m->type, m->target);
    } else {
        describe_text(d, "'%s' on '/%s'", m->source, m->target);
    }
    if (!m->overlay && m->text && *m->text) {
        describe_extra(d, "%s", m->text);
    }
    describe_str(d, "type", str_or(m->type, "bind"));
    describe_str(d, "source", m->source);
    CLEANUP(free) char *destination = str_format("/%s", m->target);
    describe_str(d, "destination", destination);
    describe_str(d, "options", m->text);
    describe_bool(d, "idmap", m->idmap.kind != IDMAP_NONE);
}

static int target_kind_of(int fd, enum target_kind *ret)
{
    struct stat st;
    if (fstat(fd, &st) < 0) {
        return -errno;
    }
    *ret = S_ISDIR(st.st_mode) ? TARGET_FOLDER : TARGET_FILE;
    return 0;
}

/* Nothing but the few files the plan allows may be laid over procfs: whoever writes to /proc must
 * find procfs there. The plan has looked at the path; symlinks can only be seen here. */
static int check_target(struct apply *a, const struct step_mount *m, int target)
{
    struct statfs st;
    if (m->is_proc || m->on_proc) {
        return 0;
    }
    if (fstatfs(target, &st) < 0) {
        return step_fail(a, -errno, DETAIL_TARGET, 0);
    }
    return st.f_type == PROC_SUPER_MAGIC ? step_fail(a, -EPERM, DETAIL_ON_PROC, 0) : 0;
}

static int open_target(struct apply *a, const struct step_mount *m, int mounted, bool *ret_existed)
{
    enum target_kind kind = TARGET_FOLDER;
    int r = m->type ? 0 : target_kind_of(mounted, &kind);
    if (r < 0) {
        return step_fail(a, r, DETAIL_SOURCE, 0);
    }
    bool no_symlinks = m->is_proc || m->no_symlinks;
    int target = m->take_mode ? target_open(a->root_fd, m->target, TARGET_ANY, no_symlinks) : -1;
    *ret_existed = target >= 0;
    if (target < 0) {
        target = target_open(a->root_fd, m->target, kind, no_symlinks);
    }
    if (target < 0) {
        bool symlink = (m->is_proc || m->no_symlinks) && (target == -ELOOP || target == -ENOTDIR);
        return step_fail(a, target, symlink ? DETAIL_SYMLINK : DETAIL_TARGET, 0);
    }
    r = check_target(a, m, target);
    if (r < 0) {
        fd_close(target);
        return r;
    }
    return target;
}

static int copy_target(const struct step_mount *m, int root_fd, int mounted)
{
    CLEANUP(fd)
    int from = open_in_root(root_fd, *m->target ? m->target : ".", O_RDONLY | O_DIRECTORY, 0);
    return from < 0 ? from : copy_up(from, mounted);
}

/* What can only be set once the file system is there. */
static int set_up(struct apply *a, const struct step_mount *m, int fd, int target, bool existed)
{
    int r = 0;
    struct stat st;
    if (m->take_mode && existed &&
        (fstat(target, &st) < 0 || fchmodat(fd, ".", st.st_mode & 07777, 0) < 0)) {
        return step_fail(a, -errno, DETAIL_ATTRIBUTES, 0);
    }
    bool made_here = m->take_mode && !existed; /* of a folder that we made nothing is to be kept */
    if (m->copy_up && !made_here) {
        CLEANUP(fd) int writable = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        r = writable < 0 ? -errno : copy_target(m, a->root_fd, writable);
        if (r < 0) {
            return step_fail(a, r, DETAIL_COPY, 0);
        }
    }
    bool made_with_all = m->type && !m->copy_up && !m->take_mode && !m->overlay;
    r = made_with_all ? 0 : mount_attributes_set(fd, &m->attributes, false);
    if (r == 0) {
        r = mount_attributes_set(fd, &m->recursive_attributes, true);
    }
    return r < 0 ? step_fail(a, r, DETAIL_ATTRIBUTES, 0) : 0;
}

static int attach(struct apply *a, const struct step_mount *m, int fd)
{
    bool existed = false;
    CLEANUP(fd) int target = open_target(a, m, fd, &existed);
    if (target < 0) {
        return target;
    }
    int r = set_up(a, m, fd, target, existed);
    if (r < 0) {
        return r;
    }
    r = mount_attach(fd, target);
    if (r < 0) {
        return step_fail(a, r, DETAIL_NONE, 0);
    }
    for (size_t i = 0; i < ARRAY_SIZE(m->propagation) && m->propagation[i]; i++) {
        r = mount_propagate(fd, m->propagation[i]);
        if (r < 0) {
            return step_fail(a, r, DETAIL_PROPAGATION, 0);
        }
    }
    return 0;
}

STEP_CHILD(mount)
{
    const struct step_mount *m = &s->mount;
    struct mount_result made = {0};
    CLEANUP(fd) int fd = m->slot == NO_SLOT ? mount_make(m, -1, &made) : a->slots[m->slot];
    if (fd < 0) {
        return step_fail(a, fd, made.detail, made.number);
    }
    return attach(a, m, fd);
}

STEP_DESCRIBE(readonly_mount)
{
    describe_text(d, "'/%s'", s->path.path);
    CLEANUP(free) char *path = str_format("/%s", s->path.path);
    describe_str(d, "path", path);
}

STEP_CHILD(readonly_mount)
{
    const struct mount_attributes readonly = {.set = MOUNT_ATTR_RDONLY};
    CLEANUP(fd) int target = target_open(a->root_fd, s->path.path, TARGET_FOLDER, false);
    if (target < 0) {
        return step_fail(a, target, DETAIL_TARGET, 0);
    }
    return mount_attributes_set(target, &readonly, false);
}
