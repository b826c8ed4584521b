// SPDX-License-Identifier: Apache-2.0
/* The hooks that run while the child stands at the rendezvous. */
#include "wall/container/hook.h"
#include "wall/container/step.h"

STEP_DESCRIBE(hook)
{
    describe_text(d, "%s hook '%s'", s->hook.kind_name, s->hook.path);
    if (s->hook.timeout_ms >= 0) {
        describe_extra(d, "at most %d ms", s->hook.timeout_ms);
        describe_int(d, "timeout_ms", s->hook.timeout_ms);
    }
    describe_str(d, "hook", s->hook.kind_name);
    describe_str(d, "path", s->hook.path);
}

STEP_HOST(hook)
{
    struct record r;
    record_init(&r, c->plan);
    const struct hook_state state = {
        .oci_version = c->plan->oci_version,
        .id = c->plan->id,
        .status = "creating",
        .bundle = c->plan->bundle,
        .annotations_json = c->plan->annotations_json,
        .pid = c->pid,
        .pidfd = c->pidfd,
        .namespaces = r.namespaces,
    };
    record_done(&r);
    return hook_run(&s->hook, &state, err);
}
