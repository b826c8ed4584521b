// SPDX-License-Identifier: Apache-2.0
/* The root file system: an overlay of the layers, or a folder, as a mount that is not the host's.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "wall/container/mount.h"
#include "wall/container/step.h"

static const char *propagation_name(unsigned long flags)
{
    bool recursive = flags & MS_REC;
    return flags & MS_SHARED       ? (recursive ? "rshared" : "shared")
           : flags & MS_SLAVE      ? (recursive ? "rslave" : "slave")
           : flags & MS_UNBINDABLE ? (recursive ? "runbindable" : "unbindable")
                                   : (recursive ? "rprivate" : "private");
}

STEP_DESCRIBE(propagation)
{
    describe_text(d, "the host's mounts %s here", propagation_name(s->flags));
    describe_str(d, "propagation", propagation_name(s->flags));
}

STEP_CHILD(propagation)
{
    return mount(NULL, "/", NULL, s->flags, NULL) < 0 ? -errno : 0;
}

STEP_DESCRIBE(overlay)
{
    const struct step_overlay *o = &s->overlay;
    describe_text(d, "an overlay of %zu layer%s", o->layer_count, o->layer_count == 1 ? "" : "s");
    if (o->upper) {
        describe_extra(d, "written to '%s'", o->upper);
    } else {
        describe_extra(d, "read-only");
    }
    if (o->is_volatile) {
        describe_extra(d, "never synced");
    }
    if (o->idmap.kind != IDMAP_NONE) {
        describe_extra(d, "id-mapped");
    }
    describe_strv(d, "layers", o->layers, o->layer_count);
    describe_str(d, "upper", o->upper);
    describe_str(d, "work", o->work);
    describe_bool(d, "volatile", o->is_volatile);
    describe_bool(d, "idmap", o->idmap.kind != IDMAP_NONE);
}

/* Puts the detached root where the plan says: see attach_place() there. */
static int attach_root(struct apply *a, int fd)
{
    const struct plan *p = a->plan;
    CLEANUP(fd) int holder = open(p->attach_at, O_PATH | O_DIRECTORY | O_CLOEXEC);
    bool own_holder = p->shared_mounts && !p->host_mounts;
    int r = holder < 0 ? -errno : own_holder ? mount_propagate(holder, MS_PRIVATE) : 0;
    /* A folder's clone would still be one with the host's mount of it. */
    bool one_with_host = p->shared_mounts || p->host_mounts;
    r = r < 0 || !one_with_host ? r : mount_propagate(fd, MS_PRIVATE | MS_REC);
    r = r < 0 ? r : mount_attach(fd, holder);
    if (r < 0) {
        return step_fail(a, r, DETAIL_TARGET, 0);
    }
    a->root_fd = fd;
    return 0;
}

STEP_CHILD(overlay)
{
    const struct step_overlay *o = &s->overlay;
    struct mount_result made = {0};
    int fd = o->slot == NO_SLOT ? overlay_make(o, -1, &made) : a->slots[o->slot];
    return fd < 0 ? step_fail(a, fd, made.detail, made.number) : attach_root(a, fd);
}

STEP_DESCRIBE(folder)
{
    describe_text(d, "'%s' as the root", s->folder.path);
    if (s->folder.idmap.kind != IDMAP_NONE) {
        describe_extra(d, "id-mapped");
    }
    describe_str(d, "path", s->folder.path);
    describe_bool(d, "idmap", s->folder.idmap.kind != IDMAP_NONE);
}

STEP_CHILD(folder)
{
    const struct step_folder *f = &s->folder;
    struct mount_result made = {0};
    int fd = f->slot == NO_SLOT ? folder_make(f, -1, &made) : a->slots[f->slot];
    return fd < 0 ? step_fail(a, fd, made.detail, made.number) : attach_root(a, fd);
}
