// SPDX-License-Identifier: Apache-2.0
/* The order of everything: read it top to bottom. */
#include "wall/container/plan.h"
#include "spec/machine.h"

#include <sched.h>

#include "wall/container/plan_parts.h"
#include "wall/container/seccomp.h"

struct step *plan_add(struct plan *p, enum step_kind kind)
{
    struct step *s = arena_push(p->arena, p->steps, p->step_count);
    *s = (struct step){.kind = kind};
    return s;
}

void plan_free(struct plan *plan)
{
    if (plan && --plan->holders == 0) {
        arena_free(plan->arena); /* the plan itself lives in it */
    }
}

struct plan *plan_hold(struct plan *plan)
{
    plan->holders++;
    return plan;
}

static char *annotations_json(struct arena *a, const struct spec *spec)
{
    if (!spec->annotation_count) {
        return NULL;
    }
    json_t *object = json_object();
    for (size_t i = 0; i < spec->annotation_count; i++) {
        const struct spec_pair *p = &spec->annotations[i];
        (void)json_object_set_new(object, p->key, json_string(p->value)); /* memory: aborts */
    }
    CLEANUP(free) char *text = json_dumps(object, JSON_COMPACT);
    json_decref(object);
    return arena_strdup(a, text);
}

static struct plan *plan_new(const struct wall_params *params)
{
    struct arena *a = arena_new();
    struct plan *p = arena_alloc(a, sizeof(*p));
    p->arena = a;
    p->holders = 1;
    p->id = arena_strdup(a, params->id);
    p->bundle = arena_strdup(a, params->bundle);
    p->state_dir = arena_strdup(a, params->state_dir);
    p->rootfs_path = arena_strdup(a, params->rootfs.path);
    p->oci_version = arena_strdup(a, str_or(params->spec->oci_version, "1.2.1"));
    p->annotations_json = annotations_json(a, params->spec);
    p->remote_start = params->remote_start;
    return p;
}

static int plan_seccomp(struct planning *g, struct error **err)
{
    struct plan *p = g->plan;
    if (!g->spec->linux_.seccomp) {
        return 0;
    }
    p->seccomp = arena_alloc(p->arena, sizeof(*p->seccomp));
    int r = seccomp_program_get(p->arena, g->spec->linux_.seccomp, g->params->cache_dir, p->seccomp,
                                err);
    return error_wrap(err, r, "seccomp");
}

static void plan_text(struct plan *p, enum step_kind kind, const char *text)
{
    if (text && *text) {
        plan_add(p, kind)->text = arena_strdup(p->arena, text);
    }
}

/* From the host's view to the container's: nothing here needs the container's root yet. */
static int plan_outside(struct planning *g, struct error **err)
{
    int r = plan_seccomp(g, err);
    if (r >= 0) {
        r = plan_resources(g, err);
    }
    if (r >= 0) {
        r = plan_namespaces(g, err);
    }
    if (r >= 0) {
        r = plan_ids(g, err);
    }
    if (r >= 0) {
        r = plan_process_host(g->plan, &g->spec->process, err);
    }
    return r;
}

static int plan_inside(struct planning *g, struct error **err)
{
    struct plan *p = g->plan;
    plan_namespaces_late(g);
    plan_session(p, &g->spec->process, g->params->no_new_keyring);
    plan_text(p, STEP_HOSTNAME, g->spec->hostname);
    plan_text(p, STEP_DOMAINNAME, g->spec->domainname);
    if (p->new_namespaces & CLONE_NEWNET) {
        plan_add(p, STEP_LOOPBACK);
    }
    int r = plan_rootfs(g, err);
    if (r >= 0) {
        r = plan_mounts(g, err);
    }
    if (r < 0) {
        return r;
    }
    plan_devices(g);
    plan_stdio(p, &g->spec->process, true);
    plan_paths(g);
    plan_hooks(g);
    plan_text(p, STEP_WORKING_FOLDER, g->spec->process.cwd);
    r = plan_rootfs_end(g, err);
    if (r < 0) {
        return r;
    }
    plan_null_stdio(p, &g->spec->process);
    plan_program(p, &g->spec->process);
    return plan_process(p, &g->spec->process, g->spec->linux_.personality_domain,
                        g->params->preserve_fd_count, err);
}

/* What only a machine has is not silently without effect. */
static int refuse_machine(const struct wall_params *params, struct error **err)
{
    const struct spec *spec = params->spec;
    if (spec_annotation(spec, SPEC_MACHINE_DISK) && !params->rootfs.is_limited) {
        return error_set(err, ERROR_UNSUPPORTED, 0,
                         "the container wall cannot limit the writable layer's size");
    }
    if (spec_annotation(spec, SPEC_MACHINE_KERNEL) || spec_annotation(spec, SPEC_MACHINE_MONITOR)) {
        return error_set(err, ERROR_UNSUPPORTED, 0,
                         "the container wall has the host's kernel: a kernel or monitor is chosen "
                         "for the vm wall");
    }
    return 0;
}

int plan_make(const struct wall_params *params, struct plan **ret, struct error **err)
{
    CLEANUP(plan) struct plan *p = plan_new(params);
    struct planning g = {p, params, params->spec};
    if (!params->spec->process_set && !params->remote_start) {
        return error_set(err, ERROR_INVALID_INPUT, 0, "the spec has no process to run");
    }
    int r = refuse_machine(params, err);
    r = r < 0 ? r : plan_outside(&g, err);
    if (r >= 0) {
        r = plan_inside(&g, err);
    }
    if (r < 0) {
        return r;
    }
    *ret = take_ptr(p);
    return 0;
}
