// SPDX-License-Identifier: Apache-2.0
/* What a mount of type "cgroup" becomes on this host.
 *
 * v2: the one hierarchy. v1 and hybrid: a tmpfs with a folder for each hierarchy, and a link for
 * each name of one that has several ("cpu" -> "cpu,cpuacct"). With a cgroup namespace each is the
 * hierarchy itself, whose root is the container's group; without one, the group is bound. */
#include <string.h>
#include <sys/mount.h>

#include "wall/container/cgroup.h"
#include "wall/container/plan_parts.h"

/* The group of ours in the hierarchy mounted there, or NULL. */
static const char *group_in(const struct plan *p, const char *mount)
{
    for (size_t i = 0; i < p->cgroups->set.count; i++) {
        if (str_equal(p->cgroups->set.groups[i].mount, mount)) {
            return p->cgroups->set.groups[i].path;
        }
    }
    return NULL;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* "cpu,cpuacct" as the kernel's mount options want them. */
static char *controller_names(struct arena *a, uint32_t controllers)
{
    CLEANUP(strbuf) struct strbuf out = {0};
    for (int i = 0; i < CGROUP_CONTROLLER_COUNT; i++) {
        if (controllers & CGROUP_BIT(i)) {
            strbuf_addf(&out, "%s%s", out.len ? "," : "", cgroup_controller_name(i, false));
        }
    }
    return out.len ? arena_strdup(a, out.data) : NULL;
}

static bool has_namespace(const struct planning *g)
{
    return spec_namespace_get(g->spec, SPEC_NS_CGROUP);
}

static void add_hierarchy(struct planning *g, const struct cgroup_hierarchy *h, const char *target,
                          uint64_t attributes)
{
    struct arena *a = g->plan->arena;
    const char *names = h->v2 ? NULL : controller_names(a, h->controllers);
    const char *bind = NULL;
    if (!has_namespace(g)) {
        bind = group_in(g->plan, h->mount);
        if (!bind) {
            return; /* not ours: nothing of it is shown */
        }
    } else if (!h->v2 && !names) {
        return; /* a named hierarchy (systemd's) has no controller to offer */
    }
    plan_add(g->plan, STEP_CGROUP_MOUNT)->cgroup_mount = (struct step_cgroup_mount){
        .target = target,
        .controllers = names,
        .bind = arena_strdup(a, bind),
        .attributes = {.set = attributes},
    };
}

static void add_links(struct planning *g, const struct cgroup_hierarchy *h, const char *target)
{
    struct arena *a = g->plan->arena;
    const char *folder = base_name(h->mount);
    if (h->v2 || !strchr(folder, ',')) {
        return;
    }
    for (int i = 0; i < CGROUP_CONTROLLER_COUNT; i++) {
        if (h->controllers & CGROUP_BIT(i)) {
            plan_add(g->plan, STEP_SYMLINK)->symlink = (struct step_symlink){
                arena_format(a, "%s/%s", target, cgroup_controller_name(i, false)),
                arena_strdup(a, folder),
            };
        }
    }
}

/* The tmpfs is read-only only when all is mounted in it. */
static void add_tmpfs(struct planning *g, const char *target, uint64_t attributes, const char *text)
{
    struct arena *a = g->plan->arena;
    struct step_mount m = {
        .type = "tmpfs",
        .source = "tmpfs",
        .target = target,
        .text = text,
        .attributes = {.set = attributes},
        .slot = NO_SLOT,
    };
    struct mount_parameter *mode = arena_push(a, m.parameters, m.parameter_count);
    *mode = (struct mount_parameter){"mode", "755"};
    plan_add(g->plan, STEP_MOUNT)->mount = m;
}

int plan_cgroup_mount(struct planning *g, const struct spec_mount *from, const char *target,
                      struct error **err)
{
    struct arena *a = g->plan->arena;
    struct step_mount options = {.type = "cgroup", .slot = NO_SLOT};
    int r = mount_options_parse(a, from->options, from->option_count, &options, err);
    if (r >= 0) {
        r = plan_layout(g, err);
    }
    if (r < 0) {
        return r;
    }
    uint64_t attributes = options.attributes.set;
    const struct cgroup_layout *layout = g->layout;
    bool pure_v2 = layout->count == 1 && layout->unified == 0;
    if (pure_v2 || str_equal(from->type, "cgroup2")) {
        if (layout->unified < 0) {
            return error_set(err, ERROR_UNSUPPORTED, 0, "this host has no cgroup v2 hierarchy");
        }
        add_hierarchy(g, &layout->items[layout->unified], target, attributes);
        return 0;
    }
    add_tmpfs(g, target, attributes & ~(uint64_t)MOUNT_ATTR_RDONLY, "mode=755");
    for (size_t i = 0; i < layout->count; i++) {
        const struct cgroup_hierarchy *h = &layout->items[i];
        add_hierarchy(g, h, arena_format(a, "%s/%s", target, base_name(h->mount)), attributes);
        add_links(g, h, target);
    }
    if (attributes & MOUNT_ATTR_RDONLY) {
        plan_add(g->plan, STEP_READONLY_MOUNT)->path.path = target;
    }
    return 0;
}
