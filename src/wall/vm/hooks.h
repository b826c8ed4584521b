// SPDX-License-Identifier: Apache-2.0
/* Hooks of a bundle whose workload is in a machine: those that run on the host, beside the relay,
 * which is the process and the network namespace that they are told of; those of a later time are
 * kept with its record. startContainer's programs are the workload's own: the agent runs them, in
 * the machine. createContainer's would be the host's, in namespaces that the host has not: the plan
 * refuses them.
 * Side effects: processes. Spec: OCI runtime 1.2 config.md#posix-platform-hooks. */
#pragma once

#include <jansson.h>
#include <sys/types.h>

#include "base/error.h"
#include "wall/wall.h"

struct vm_hooks {
    const json_t *spec; /* as JSON: "hooks", "annotations", "ociVersion" */
    const char *id, *bundle;
};

/* Whether the spec has none that cannot be. Pure. */
int vm_hooks_check(const json_t *spec, struct error **err) NODISCARD;
/* How long the agent may run hooks before the workload's program starts, in milliseconds. Pure. */
int vm_hooks_inside_ms(const json_t *spec);
/* Runs those of the creation, in order; the first that fails is the error. */
int vm_hooks_run(const struct vm_hooks *h, pid_t relay, struct error **err) NODISCARD;

/* What vm_hooks_run_late() wants, for a record; NULL: there are no later hooks. The caller's. */
json_t *vm_hooks_record(const struct vm_hooks *h);
/* Those of this kind ("poststart", "poststop") in the record, which may be NULL. One that fails is
 * a warning; the others go on. */
void vm_hooks_run_late(const json_t *record, const char *kind, const char *status, pid_t relay,
                       wall_warning *warning, void *context);
