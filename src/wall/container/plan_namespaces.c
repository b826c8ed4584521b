// SPDX-License-Identifier: Apache-2.0
/* Which namespaces are made and which joined, by whom, in which order.
 *
 *   - New ones are made by the clone itself, but for two: the cgroup namespace's root is the group
 *     one is in when it is made, so the child unshares it after entering the groups; and the clocks
 *     of a time namespace can be set only before anybody is in it.
 *   - What must be entered before the clone (a pid namespace, which takes only children; a user
 *     namespace, which is to own what the clone makes; others, when the child will be in a user
 *     namespace and so without rights over them) is entered by a process in between, the relay,
 *     whose child is made ours with CLONE_PARENT.
 *   - The user namespace is joined last, while the host's rights over the others are still there.
 */
#include <sched.h>

#include "wall/container/cgroup.h"
#include "wall/container/plan_parts.h"

static const struct {
    enum spec_namespace_type type;
    int flag;
} kinds[] = {
    {SPEC_NS_CGROUP, CLONE_NEWCGROUP}, {SPEC_NS_IPC, CLONE_NEWIPC},   {SPEC_NS_UTS, CLONE_NEWUTS},
    {SPEC_NS_NETWORK, CLONE_NEWNET},   {SPEC_NS_PID, CLONE_NEWPID},   {SPEC_NS_TIME, CLONE_NEWTIME},
    {SPEC_NS_MOUNT, CLONE_NEWNS},      {SPEC_NS_USER, CLONE_NEWUSER},
};

static struct step *add(struct planning *g, enum step_kind kind, size_t i)
{
    const struct spec_namespace *n = spec_namespace_get(g->spec, kinds[i].type);
    struct step *s = plan_add(g->plan, kind);
    s->namespace_ = (struct step_namespace){
        .name = spec_namespace_name(n->type),
        .path = arena_strdup(g->plan->arena, n->path),
        .flag = kinds[i].flag,
    };
    return s;
}

static void add_offset(struct planning *g, const char *clock, const struct spec_time_offset *o)
{
    if (o->set) {
        plan_add(g->plan, STEP_TIME_OFFSET)->time_offset =
            (struct step_time_offset){clock, o->secs, o->nanosecs};
        g->plan->relay = true;
    }
}

/* Whether the child, once cloned, could not enter this one by itself. */
static bool needs_relay(const struct plan *p, const struct spec_namespace *n)
{
    return n->type == SPEC_NS_PID || n->type == SPEC_NS_USER || p->user_namespace;
}

static void plan_joined(struct planning *g, bool by_relay)
{
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        const struct spec_namespace *n = spec_namespace_get(g->spec, kinds[i].type);
        if (!n || !n->path || needs_relay(g->plan, n) != by_relay) {
            continue;
        }
        struct step *s = add(g, STEP_NAMESPACE_JOIN, i);
        s->namespace_.index = (int)g->plan->joined_count++;
        s->namespace_.relay = by_relay;
        g->plan->relay |= by_relay;
    }
}

static void plan_new_ones(struct planning *g)
{
    struct plan *p = g->plan;
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        const struct spec_namespace *n = spec_namespace_get(g->spec, kinds[i].type);
        if (!n || n->path) {
            continue;
        }
        if (n->type == SPEC_NS_CGROUP) {
            p->new_cgroup_namespace = true;
            continue;
        }
        add(g, STEP_NAMESPACE_NEW, i); /* described; the clone makes it */
        p->new_namespaces |= (uint64_t)kinds[i].flag;
    }
}

/* Set clocks: the relay makes the time namespace, and the user namespace that is to own it. */
static void plan_time(struct planning *g)
{
    struct plan *p = g->plan;
    if (!(p->new_namespaces & CLONE_NEWTIME)) {
        return;
    }
    add_offset(g, "monotonic", &g->spec->linux_.monotonic);
    add_offset(g, "boottime", &g->spec->linux_.boottime);
    bool offsets = g->spec->linux_.monotonic.set || g->spec->linux_.boottime.set;
    if (offsets) {
        p->relay_namespaces = p->new_namespaces & (CLONE_NEWTIME | CLONE_NEWUSER);
        p->new_namespaces &= ~p->relay_namespaces;
    }
}

int plan_namespaces(struct planning *g, struct error **err)
{
    struct plan *p = g->plan;
    const struct spec_namespace *user = spec_namespace_get(g->spec, SPEC_NS_USER);
    p->host_mounts = !spec_namespace_get(g->spec, SPEC_NS_MOUNT);
    if (p->host_mounts && user) {
        return error_set(err, ERROR_UNSUPPORTED, 0,
                         "a user namespace without a mount namespace has no right to mount");
    }
    p->user_namespace = user;
    p->new_user_namespace = user && !user->path;
    const struct spec_namespace *pid = spec_namespace_get(g->spec, SPEC_NS_PID);
    p->own_pid_namespace = pid && !pid->path;
    plan_joined(g, true);
    plan_new_ones(g);
    plan_time(g);
    return 0;
}

void plan_namespaces_late(struct planning *g)
{
    struct plan *p = g->plan;
    bool v1 = false;
    for (size_t i = 0; i < p->cgroups->set.count; i++) {
        v1 |= !p->cgroups->set.groups[i].v2;
    }
    if (v1) {
        plan_add(p, STEP_CGROUP_JOIN);
    }
    plan_joined(g, false);
    plan_ids_child(g);
    if (p->new_cgroup_namespace) {
        plan_add(p, STEP_CGROUP_NAMESPACE);
    }
}
