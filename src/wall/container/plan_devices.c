// SPDX-License-Identifier: Apache-2.0
/* The nodes every container has, those asked for, and the usual links.
 * OCI runtime 1.2, config-linux.md#default-devices, runtime-linux.md#dev-symbolic-links. */
#include <sys/stat.h>

#include "wall/container/plan_parts.h"

static const struct {
    const char *path;
    unsigned int major, minor;
} default_devices[] = {
    {"dev/null", 1, 3},   {"dev/zero", 1, 5},    {"dev/full", 1, 7},
    {"dev/random", 1, 8}, {"dev/urandom", 1, 9}, {"dev/tty", 5, 0},
};

static const struct step_symlink links[] = {
    {"dev/ptmx", "pts/ptmx"},          {"dev/fd", "/proc/self/fd"},
    {"dev/stdin", "/proc/self/fd/0"},  {"dev/stdout", "/proc/self/fd/1"},
    {"dev/stderr", "/proc/self/fd/2"},
};

static void add(struct plan *p, struct step_device x)
{
    x.bind = p->user_namespace && !S_ISFIFO(x.mode);
    x.host_path = x.bind ? arena_format(p->arena, "/%s", x.path) : NULL;
    plan_add(p, STEP_DEVICE)->device = x;
}

static mode_t type_bits(char type)
{
    return type == 'b' ? S_IFBLK : type == 'p' ? S_IFIFO : S_IFCHR;
}

static bool asked_for(const struct planning *g, const char *path)
{
    for (size_t i = 0; i < g->spec->linux_.device_count; i++) {
        if (str_equal(plan_clean_path(g->plan->arena, g->spec->linux_.devices[i].path), path)) {
            return true;
        }
    }
    return false;
}

/* A '/dev' that the spec binds from elsewhere is complete as it is. */
static bool has_own_dev(const struct planning *g)
{
    for (size_t i = 0; i < g->spec->mount_count; i++) {
        const struct spec_mount *m = &g->spec->mounts[i];
        if (str_equal(plan_clean_path(g->plan->arena, m->destination), "dev") &&
            (str_equal(m->type, "bind") || mount_options_say_bind(m->options, m->option_count))) {
            return true;
        }
    }
    return false;
}

void plan_devices(struct planning *g)
{
    struct plan *p = g->plan;
    if (has_own_dev(g)) {
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(default_devices); i++) {
        if (!asked_for(g, default_devices[i].path)) {
            add(p, (struct step_device){.path = default_devices[i].path,
                                        .mode = S_IFCHR | 0666,
                                        .major = default_devices[i].major,
                                        .minor = default_devices[i].minor});
        }
    }
    for (size_t i = 0; i < g->spec->linux_.device_count; i++) {
        const struct spec_device *d = &g->spec->linux_.devices[i];
        add(p,
            (struct step_device){
                .path = plan_clean_path(p->arena, d->path),
                .mode = type_bits(d->type) | (d->file_mode.set ? d->file_mode.value & 07777 : 0666),
                .major = (unsigned int)d->major,
                .minor = (unsigned int)d->minor,
                .uid = d->uid.set ? d->uid.value : 0,
                .gid = d->gid.set ? d->gid.value : 0,
            });
    }
    for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
        plan_add(p, STEP_SYMLINK)->symlink = links[i];
    }
}
