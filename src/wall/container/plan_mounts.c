// SPDX-License-Identifier: Apache-2.0
/* The spec's mounts, in its order. */
#include <string.h>
#include <sys/mount.h>

#include "wall/container/cgroup.h"
#include "wall/container/foreign.h"
#include "wall/container/plan_parts.h"

/* The files below /proc that tools like lxcfs replace; everything else there stays the kernel's. */
static const char *const replaceable[] = {
    "proc/cpuinfo",
    "proc/diskstats",
    "proc/meminfo",
    "proc/stat",
    "proc/swaps",
    "proc/uptime",
    "proc/loadavg",
    "proc/slabinfo",
    "proc/net/dev",
    "proc/sys/kernel/ns_last_pid",
    "proc/sys/crypto/fips_enabled",
    NULL,
};

char *plan_clean_path(struct arena *a, const char *path)
{
    CLEANUP(strbuf) struct strbuf out = {0};
    for (const char *at = path; *at;) {
        at += strspn(at, "/");
        size_t len = strcspn(at, "/");
        if (len == 2 && at[0] == '.' && at[1] == '.') {
            const char *slash = out.len ? strrchr(out.data, '/') : NULL;
            out.len = slash ? (size_t)(slash - out.data) : 0;
            if (out.data) {
                out.data[out.len] = '\0';
            }
        } else if (len && !(len == 1 && at[0] == '.')) {
            strbuf_adds(&out, out.len ? "/" : "");
            strbuf_add(&out, at, len);
        }
        at += len;
    }
    return arena_strdup(a, str_or(out.data, ""));
}

static int check_on_proc(struct step_mount *m, struct error **err)
{
    if (str_equal(m->target, "proc")) {
        m->is_proc = true;
        if (m->type && !str_equal(m->type, "proc")) {
            return error_set(err, ERROR_DENIED, 0, "only procfs may be mounted on '/proc', not %s",
                             m->type);
        }
    } else if (str_starts(m->target, "proc/")) {
        if (m->type || !str_in(m->target, replaceable)) {
            return error_set(err, ERROR_DENIED, 0, "nothing may be mounted inside '/proc'");
        }
        m->on_proc = true;
    }
    return 0;
}

static int plan_mount_idmap(struct planning *g, const struct spec_mount *from, struct step_mount *m,
                            struct error **err)
{
    struct arena *a = g->plan->arena;
    if (from->uid_mapping_count || from->gid_mapping_count) {
        m->idmap.kind = IDMAP_OWN;
        int r = plan_id_map_text(a, from->uid_mappings, from->uid_mapping_count, "uidMappings",
                                 &m->idmap.uid_map, err);
        if (r >= 0) {
            r = plan_id_map_text(a, from->gid_mappings, from->gid_mapping_count, "gidMappings",
                                 &m->idmap.gid_map, err);
        }
        if (r < 0) {
            return r;
        }
    }
    if (m->idmap.kind == IDMAP_WORKLOAD && !g->plan->user_namespace) {
        return error_set(err, ERROR_INVALID_INPUT, 0,
                         "option 'idmap' without mappings needs a user namespace");
    }
    if (m->idmap.kind != IDMAP_NONE && m->type) {
        return error_set(err, ERROR_UNSUPPORTED, 0, "only bind mounts can be id-mapped");
    }
    /* Another container's mount is fetched by a visit to its mount namespace: not in the child,
     * whose root lies over its namespace's. */
    bool host_rights = !m->type && (g->plan->user_namespace || foreign_is(m->source));
    if (m->idmap.kind != IDMAP_NONE || host_rights) {
        m->slot = g->plan->slot_count++;
    }
    return 0;
}

/* A relative source of a bind mount is the bundle's. */
static const char *bind_source(struct planning *g, const char *source)
{
    struct arena *a = g->plan->arena;
    bool relative = source[0] != '/' && g->params->bundle;
    return relative ? arena_format(a, "%s/%s", g->params->bundle, source) : arena_strdup(a, source);
}

static void add_label(struct planning *g, struct step_mount *m)
{
    const char *label = g->spec->linux_.mount_label;
    if (label && (str_equal(m->type, "tmpfs") || str_equal(m->type, "mqueue"))) {
        struct arena *a = g->plan->arena;
        struct mount_parameter *p = arena_push(a, m->parameters, m->parameter_count);
        *p = (struct mount_parameter){"context", arena_strdup(a, label)};
    }
}

static bool has_parameter(const struct step_mount *m, const char *key)
{
    for (size_t i = 0; i < m->parameter_count; i++) {
        if (str_equal(m->parameters[i].key, key)) {
            return true;
        }
    }
    return false;
}

/* "TOP:…:BASE", a ':' or '\\' in a path behind a '\\' (overlayfs.rst). */
static const char **split_lowerdir(struct arena *a, const char *text, size_t *ret_count)
{
    const char **folders = NULL;
    CLEANUP(strbuf) struct strbuf folder = {0};
    *ret_count = 0;
    for (const char *c = text;; c++) {
        if (*c && *c != ':') {
            c += *c == '\\' && c[1];
            strbuf_addc(&folder, *c);
            continue;
        }
        spec_add_string(a, &folders, ret_count, str_or(folder.data, ""));
        strbuf_done(&folder);
        folder = (struct strbuf){0};
        if (!*c) {
            return folders;
        }
    }
}

/* A read-only overlay, as of an image's layers: their names are longer than the mount API takes on
 * older kernels, so it is made as a root is, by the host's rights and where nobody else sees it. */
static int plan_lowerdir(struct planning *g, struct step_mount *m, struct error **err)
{
    struct arena *a = g->plan->arena;
    bool alone = m->parameter_count == 1 && str_equal(m->parameters[0].key, "lowerdir");
    if (!str_equal(m->type, "overlay") || !alone || !m->parameters[0].value) {
        return 0;
    }
    struct step_overlay *o = arena_alloc(a, sizeof(*o));
    *o = (struct step_overlay){.slot = NO_SLOT, .at = g->plan->state_dir};
    o->layers = split_lowerdir(a, m->parameters[0].value, &o->layer_count);
    o->context = arena_strdup(a, g->spec->linux_.mount_label);
    if (o->layer_count > PLAN_LAYERS_MAX) {
        return error_set(err, ERROR_UNSUPPORTED, 0, "it has %zu layers, %d are possible",
                         o->layer_count, PLAN_LAYERS_MAX);
    }
    m->overlay = o;
    m->slot = g->plan->slot_count++;
    return 0;
}

static int plan_mount(struct planning *g, const struct spec_mount *from, const char *target,
                      struct error **err)
{
    struct arena *a = g->plan->arena;
    const char *const *options = from->options;
    bool is_bind =
        str_equal(from->type, "bind") || mount_options_say_bind(options, from->option_count);
    struct step_mount m = {.target = target, .slot = NO_SLOT};
    if (is_bind && !from->source) {
        return error_set(err, ERROR_INVALID_INPUT, 0, "a bind mount needs a source");
    }
    if (!is_bind && !from->type) {
        return error_set(err, ERROR_INVALID_INPUT, 0, "a mount needs a type");
    }
    m.type = is_bind ? NULL : arena_strdup(a, from->type);
    m.source =
        is_bind ? bind_source(g, from->source) : arena_strdup(a, str_or(from->source, from->type));
    int r = mount_options_parse(a, options, from->option_count, &m, err);
    if (r >= 0) {
        r = check_on_proc(&m, err);
    }
    if (r >= 0) {
        r = plan_mount_idmap(g, from, &m, err);
    }
    if (r >= 0) {
        r = plan_lowerdir(g, &m, err);
    }
    if (r < 0) {
        return r;
    }
    m.no_symlinks |= str_equal(m.type, "sysfs");
    m.take_mode = str_equal(m.type, "tmpfs") && !has_parameter(&m, "mode");
    m.copy_up &= str_equal(m.type, "tmpfs");
    add_label(g, &m);
    plan_add(g->plan, STEP_MOUNT)->mount = m;
    return 0;
}

int plan_mounts(struct planning *g, struct error **err)
{
    for (size_t i = 0; i < g->spec->mount_count; i++) {
        const struct spec_mount *m = &g->spec->mounts[i];
        const char *target = plan_clean_path(g->plan->arena, m->destination);
        int r = 0;
        if (str_equal(m->type, "cgroup") || str_equal(m->type, "cgroup2")) {
            r = plan_cgroup_mount(g, m, target, err);
        } else {
            r = plan_mount(g, m, target, err);
        }
        if (r < 0) {
            return error_wrap(err, r, "mount on '%s'", m->destination);
        }
    }
    return 0;
}
