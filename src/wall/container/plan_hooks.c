// SPDX-License-Identifier: Apache-2.0
/* Hooks: prestart, createRuntime and createContainer run while the child stands still, before it
 * changes its root; the later ones are kept with the workload's state. */
#include <limits.h>

#include "wall/container/plan_parts.h"

static char **copy_strings(struct arena *a, const char *const *items, size_t count)
{
    char **copy = arena_alloc(a, (count + 1) * sizeof(*copy));
    for (size_t i = 0; i < count; i++) {
        copy[i] = arena_strdup(a, items[i]);
    }
    return copy;
}

/* A hook without an environment of its own: startContainer's gets the process's, as with runc; the
 * others, which run on the host, the runtime's (NULL). */
static char **environment(struct planning *g, const struct spec_hook *h, int kind)
{
    const struct spec_process *p = &g->spec->process;
    if (h->env_count) {
        return copy_strings(g->plan->arena, h->env, h->env_count);
    }
    return kind == SPEC_HOOK_START_CONTAINER ? copy_strings(g->plan->arena, p->env, p->env_count)
                                             : NULL;
}

static void fill(struct planning *g, const struct spec_hook *h, int kind, struct plan_hook *ret)
{
    struct arena *a = g->plan->arena;
    ret->kind = kind;
    ret->kind_name = spec_hook_names[kind];
    ret->path = arena_strdup(a, h->path);
    ret->argv = h->arg_count ? copy_strings(a, h->args, h->arg_count)
                             : copy_strings(a, (const char *const[]){h->path}, 1);
    ret->envp = environment(g, h, kind);
    bool limited = h->timeout_seconds.set && h->timeout_seconds.value <= INT_MAX / 1000;
    ret->timeout_ms = limited ? (int)h->timeout_seconds.value * 1000 : -1;
    ret->inside = kind == SPEC_HOOK_CREATE_CONTAINER || kind == SPEC_HOOK_START_CONTAINER;
}

void plan_hooks(struct planning *g)
{
    struct plan *p = g->plan;
    for (int kind = 0; kind <= SPEC_HOOK_CREATE_CONTAINER; kind++) {
        p->rendezvous |= g->spec->hooks[kind].count > 0;
    }
    if (p->rendezvous) {
        plan_add(p, STEP_RENDEZVOUS);
    }
    for (int kind = 0; kind < SPEC_HOOK_KIND_COUNT; kind++) {
        for (size_t i = 0; i < g->spec->hooks[kind].count; i++) {
            const struct spec_hook *h = &g->spec->hooks[kind].items[i];
            if (kind <= SPEC_HOOK_CREATE_CONTAINER) {
                fill(g, h, kind, &plan_add(p, STEP_HOOK)->hook);
            } else {
                fill(g, h, kind, arena_push(p->arena, p->late_hooks, p->late_hook_count));
                plan_add(p, STEP_LATER_HOOK)->hook = p->late_hooks[p->late_hook_count - 1];
            }
        }
    }
}
