// SPDX-License-Identifier: Apache-2.0
/* The scope that systemd makes for the workload, with the systemd cgroup driver. */
#include "wall/container/scope.h"
#include "wall/container/step.h"

/* "MemoryMax=67108864": what of a request's properties is shown to people. */
static void describe_properties(const char *request, struct description *d)
{
    json_t *json = json_loads(request, 0, NULL), *one;
    size_t i;
    json_array_foreach(json_object_get(json, "properties"), i, one)
    {
        json_t *value = json_array_get(one, 2);
        CLEANUP(free) char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
        describe_extra(d, "%s=%s", json_string_value(json_array_get(one, 0)), text);
    }
    json_decref(json);
}

STEP_DESCRIBE(scope)
{
    const struct scope_plan *scope = p->cgroups->scope;
    describe_text(d, "the scope '%s' in '%s'", scope->place.unit, scope->place.slice);
    describe_properties(scope->start, d);
    describe_str(d, "unit", scope->place.unit);
    describe_str(d, "slice", scope->place.slice);
    describe_str(d, "request", scope->start);
}

STEP_HOST(scope)
{
    return scope_start(&c->scope, c->plan->cgroups->scope, err);
}

STEP_UNDO(scope)
{
    scope_leave(&c->scope);
    IGNORE(scope_stop(c->plan->cgroups->scope->place.unit, NULL)); /* delete() comes again later */
}

STEP_DESCRIBE(scope_settle)
{
    const struct scope_plan *scope = p->cgroups->scope;
    describe_text(d, "the scope '%s'", scope->place.unit);
    describe_str(d, "unit", scope->place.unit);
    if (scope->settle) {
        describe_properties(scope->settle, d);
        describe_str(d, "request", scope->settle);
    }
}

STEP_HOST(scope_settle)
{
    return scope_settle(&c->scope, c->plan->cgroups->scope, err);
}
