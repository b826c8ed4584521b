// SPDX-License-Identifier: Apache-2.0
/* The planners, one subject each: they append their steps to the plan. Pure.
 *
 * plan.c calls them in the order in which the steps happen; each reads the part of the spec that
 * its name says and copies what it needs into the plan's arena. */
#pragma once

#include "spec/spec.h"
#include "wall/container/plan.h"
#include "wall/wall.h"

struct planning {
    struct plan *plan;
    const struct wall_params *params;
    const struct spec *spec;
    const struct cgroup_layout *layout; /* by plan_layout(), NULL before */
};

/* plan_namespaces.c */
int plan_namespaces(struct planning *g, struct error **err) NODISCARD;
void plan_namespaces_late(struct planning *g); /* joins and the cgroup namespace, in the child */
/* plan_ids.c */
int plan_ids(struct planning *g, struct error **err) NODISCARD;
void plan_ids_child(struct planning *g);
/* The maps as the kernel's files take them; checked. */
int plan_id_map_text(struct arena *a, const struct spec_id_map *maps, size_t count,
                     const char *what, const char **ret, struct error **err) NODISCARD;
/* plan_resources.c */
int plan_layout(struct planning *g, struct error **err) NODISCARD; /* g->layout, read once */
int plan_resources(struct planning *g, struct error **err) NODISCARD;
/* plan_rootfs.c */
int plan_rootfs(struct planning *g, struct error **err) NODISCARD;
int plan_rootfs_end(struct planning *g, struct error **err) NODISCARD; /* read-only, pivot */
/* plan_mounts.c */
int plan_mounts(struct planning *g, struct error **err) NODISCARD;
/* The propagation a word means ("rslave"), or 0. */
unsigned long plan_propagation(const char *word);
/* "/a/./b//c" becomes "a/b/c", ".." stay inside the root. */
char *plan_clean_path(struct arena *a, const char *path);
/* mount_options.c: fills attributes, parameters, propagation, … of m from the options' words. */
int mount_options_parse(struct arena *a, const char *const *options, size_t count,
                        struct step_mount *m, struct error **err) NODISCARD;
bool mount_options_say_bind(const char *const *options, size_t count);
/* plan_cgroup_mounts.c */
int plan_cgroup_mount(struct planning *g, const struct spec_mount *from, const char *target,
                      struct error **err) NODISCARD;
/* plan_devices.c */
void plan_devices(struct planning *g);
/* plan_paths.c: sysctls, read-only and masked paths */
void plan_paths(struct planning *g);
/* plan_hooks.c */
void plan_hooks(struct planning *g);
/* plan_process.c: what the parent sets on the process; what it does to itself, up to the exec. The
 * same for exec into a running workload. */
int plan_process_host(struct plan *p, const struct spec_process *process,
                      struct error **err) NODISCARD;
int plan_process(struct plan *p, const struct spec_process *process, const char *domain,
                 int preserved, struct error **err) NODISCARD;
void plan_program(struct plan *p, const struct spec_process *process);
/* Wherever a process is set up: session, keyring. */
void plan_session(struct plan *p, const struct spec_process *process, bool no_new_keyring);
void plan_stdio(struct plan *p, const struct spec_process *process, bool bind_console);
/* Once the root is the container's. */
void plan_null_stdio(struct plan *p, const struct spec_process *process);
