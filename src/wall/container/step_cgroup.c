// SPDX-License-Identifier: Apache-2.0
/* The workload's groups: made and limited before the clone, entered by the child. */
#include "wall/container/cgroup.h"
#include "wall/container/step.h"

STEP_DESCRIBE(cgroup)
{
    CLEANUP(strbuf) struct strbuf path = {0};
    cgroup_describe_group(p->cgroups, s->index, &path);
    describe_text(d, "'%s'", path.data);
    describe_str(d, "path", path.data);
}

STEP_HOST(cgroup)
{
    /* The groups belong together: the first step makes them all, or none. */
    return s->index == 0 ? cgroup_make(c->plan->cgroups, err) : 0;
}

STEP_UNDO(cgroup)
{
    if (s->index == 0) {
        IGNORE(cgroup_remove(&c->plan->cgroups->set, NULL)); /* delete() comes again later */
    }
}

STEP_DESCRIBE(cgroup_write)
{
    const struct cgroup_write *w = &p->cgroups->writes[s->index];
    CLEANUP(strbuf) struct strbuf text = {0};
    cgroup_describe_write(p->cgroups, s->index, &text);
    describe_text(d, "%s", text.data);
    describe_str(d, "property", w->property);
    describe_str(d, "cgroup", p->cgroups->set.groups[w->group].path);
    describe_str(d, "file", w->file);
    describe_str(d, "value", w->value);
}

STEP_HOST(cgroup_write)
{
    return cgroup_apply(c->plan->cgroups, s->index, err);
}

STEP_DESCRIBE(cgroup_devices)
{
    describe_text(d, "%zu device rules as a program", p->cgroups->device_count);
    describe_int(d, "rules", (int64_t)p->cgroups->device_count);
}

STEP_HOST(cgroup_devices)
{
    return cgroup_apply_devices(c->plan->cgroups, err);
}

STEP_DESCRIBE(cgroup_join)
{
    describe_text(d, "the cgroups");
}

STEP_CHILD(cgroup_join)
{
    return a->door ? cgroup_join(a->door) : 0;
}
