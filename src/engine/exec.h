// SPDX-License-Identifier: Apache-2.0
/* Another process in a running container.
 *
 * In the foreground it is our child: without a terminal it has our own streams, with one we copy
 * between its master and ours. Detached it is the monitor's child, so that somebody reaps it: the
 * process is written to <run_dir>/containers/<id>/exec-<random>.json and the monitor asked.
 * This process is executed again, sealed (base/sealed.h), before it clones anything. */
#pragma once

#include "engine/container.h"
#include "spec/spec.h"

struct exec_request {
    bool detach, interactive, tty, privileged;
    const char *user, *workdir, *detach_keys;
    struct strv env, env_files;
    struct strv command;
};

/* Returns its exit code; 0 when detached. */
int engine_exec(const struct engine *e, const char *name, struct exec_request *request,
                struct error **err) NODISCARD;

/* The process as the container's own one with the request's changes; in the spec's arena. */
int exec_process(const struct engine *e, const struct container *c,
                 const struct exec_request *request, struct spec *spec, struct spec_process *ret,
                 struct error **err) NODISCARD;
