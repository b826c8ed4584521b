// SPDX-License-Identifier: Apache-2.0
/* The root file system, and the change of root at the end. */
#include <string.h>
#include <sys/mount.h>

#include "wall/container/plan_parts.h"

/* The deepest folder above both: upper and work must be on one mount, also when id-mapped. */
static char *common_folder(struct arena *a, const char *x, const char *y)
{
    size_t i = 0, slash = 0;
    while (x[i] && x[i] == y[i]) {
        slash = x[i] == '/' ? i : slash;
        i++;
    }
    return slash ? arena_strndup(a, x, slash) : arena_strdup(a, "/");
}

static int plan_overlay(struct planning *g, struct error **err)
{
    struct plan *p = g->plan;
    struct arena *a = p->arena;
    const struct wall_rootfs *from = &g->params->rootfs;
    if (from->layer_count > PLAN_LAYERS_MAX) {
        return error_set(err, ERROR_UNSUPPORTED, 0, "the image has %zu layers, %d are possible",
                         from->layer_count, PLAN_LAYERS_MAX);
    }
    const char **layers = arena_alloc(a, from->layer_count * sizeof(*layers));
    for (size_t i = 0; i < from->layer_count; i++) {
        layers[i] = arena_strdup(a, from->layers[i]);
    }
    struct step_overlay o = {
        .layers = layers,
        .layer_count = from->layer_count,
        .upper = arena_strdup(a, from->upper),
        .work = arena_strdup(a, from->work),
        .is_volatile = from->is_volatile && from->upper,
        .context = arena_strdup(a, g->spec->linux_.mount_label),
        .slot = NO_SLOT,
        .at = p->state_dir,
    };
    if (o.upper) {
        o.common = common_folder(a, o.upper, str_or(o.work, ""));
    }
    if (p->user_namespace) {
        o.idmap.kind = IDMAP_WORKLOAD;
        o.slot = p->slot_count++;
    }
    plan_add(p, STEP_ROOTFS_OVERLAY)->overlay = o;
    return 0;
}

static int plan_folder(struct planning *g, struct error **err)
{
    struct plan *p = g->plan;
    const char *path = g->params->rootfs.path;
    const char *bundle = g->params->bundle;
    if (path[0] != '/' && !bundle) {
        return error_set(err, ERROR_INVALID_INPUT, 0, "the root '%s' is relative to no bundle",
                         path);
    }
    struct step_folder f = {
        .path = path[0] == '/' ? arena_strdup(p->arena, path)
                               : arena_format(p->arena, "%s/%s", bundle, path),
        .slot = NO_SLOT,
    };
    if (str_equal(plan_clean_path(p->arena, f.path), "")) {
        return error_set(err, ERROR_DENIED, 0, "the root file system cannot be the host's root");
    }
    if (p->user_namespace) {
        f.idmap.kind = g->params->rootfs.idmap ? IDMAP_WORKLOAD : IDMAP_NONE;
        f.idmap.recursive = true;
        f.slot = p->slot_count++;
    }
    plan_add(p, STEP_ROOTFS_FOLDER)->folder = f;
    return 0;
}

static int root_propagation(const struct planning *g, unsigned long *ret, struct error **err)
{
    const char *word = g->spec->linux_.rootfs_propagation;
    *ret = 0;
    if (!word || !*word) {
        return 0;
    }
    *ret = plan_propagation(word);
    if (!*ret) {
        return error_set(err, ERROR_INVALID_INPUT, 0, "linux.rootfsPropagation '%s' is unknown",
                         word);
    }
    return 0;
}

/* Over "/": it is always there, a user namespace's root may always go there, and what is below
 * stays in sight until pivot_root, since absolute paths begin under it. But
 *   - were that mount shared (the spec asks for shared propagation), the host would see the
 *     attachment; made private, nothing could be bound from it with its propagation: then '/proc';
 *   - hooks of the kind createContainer look for the root at its own path;
 *   - on the host's own mounts it lies over its own folder, where it covers nothing of anybody's.
 */
static const char *attach_place(const struct planning *g)
{
    const struct plan *p = g->plan;
    const struct step *last = &p->steps[p->step_count - 1];
    bool folder = last->kind == STEP_ROOTFS_FOLDER;
    if (p->host_mounts) {
        return folder ? last->folder.path : p->state_dir;
    }
    if (p->shared_mounts) {
        return "/proc";
    }
    return folder && g->spec->hooks[SPEC_HOOK_CREATE_CONTAINER].count ? last->folder.path : "/";
}

int plan_rootfs(struct planning *g, struct error **err)
{
    unsigned long flags;
    int r = root_propagation(g, &flags, err);
    if (r < 0) {
        return r;
    }
    /* Shared: what is bound stays one with the host's mount of it. An unbindable tree could not be
     * bound from at all. */
    g->plan->shared_mounts = flags & MS_SHARED;
    if (!g->plan->shared_mounts && !g->plan->host_mounts) {
        plan_add(g->plan, STEP_PROPAGATION)->flags =
            flags & MS_PRIVATE ? MS_PRIVATE | MS_REC : MS_SLAVE | MS_REC;
    }
    if (!g->params->rootfs.layer_count && !g->params->rootfs.path) {
        return error_set(err, ERROR_INVALID_INPUT, 0, "there is no root file system");
    }
    r = g->params->rootfs.layer_count ? plan_overlay(g, err) : plan_folder(g, err);
    g->plan->attach_at = r < 0 ? NULL : attach_place(g);
    return r;
}

int plan_rootfs_end(struct planning *g, struct error **err)
{
    unsigned long flags;
    int r = root_propagation(g, &flags, err);
    if (r < 0) {
        return r;
    }
    if (g->spec->root_readonly) {
        plan_add(g->plan, STEP_READONLY_ROOT);
    }
    plan_add(g->plan, STEP_PIVOT)->no_pivot = g->params->no_pivot;
    if (flags) {
        plan_add(g->plan, STEP_ROOT_PROPAGATION)->flags = flags;
    }
    return 0;
}
