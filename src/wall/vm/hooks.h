// SPDX-License-Identifier: Apache-2.0
/* Hooks of a bundle whose workload is in a machine: those that run on the host, beside the relay,
 * which is the process and the network namespace that they are told of. Those that run inside the
 * workload's namespaces, and those of a later time, are refused by the plan.
 * Side effects: processes. Spec: OCI runtime 1.2 config.md#posix-platform-hooks. */
#pragma once

#include <jansson.h>
#include <sys/types.h>

#include "base/error.h"

struct vm_hooks {
    const json_t *spec; /* as JSON: "hooks", "annotations", "ociVersion" */
    const char *id, *bundle;
};

/* Whether the spec has none but prestart and createRuntime. Pure. */
int vm_hooks_check(const json_t *spec, struct error **err) NODISCARD;
/* Runs those, in order; the first that fails is the error. */
int vm_hooks_run(const struct vm_hooks *h, pid_t relay, struct error **err) NODISCARD;
