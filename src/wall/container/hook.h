// SPDX-License-Identifier: Apache-2.0
/* Hooks: programs that run at points of a workload's life, with its state as JSON on their input.
 *
 * Side effects: processes; waits for each, at most its timeout, then kills its group. The parent
 * alone. OCI runtime 1.2, config.md#posix-platform-hooks, runtime.md#lifecycle. */
#pragma once

#include "wall/container/record.h"
#include "wall/container/workload.h"

/* What the state says, and where "inside" is. */
struct hook_state {
    const char *oci_version, *id, *status, *bundle, *annotations_json;
    pid_t pid;
    int pidfd;           /* of the workload, for hooks that run inside */
    uint64_t namespaces; /* to join for those */
};

/* Runs one. A status other than 0, a signal and the timeout are errors. */
int hook_run(const struct plan_hook *h, const struct hook_state *state,
             struct error **err) NODISCARD;

enum { HOOK_START_CONTAINER = 3, HOOK_POSTSTART = 4, HOOK_POSTSTOP = 5 }; /* spec_hook_kind */

/* Those of the kind in the workload's record; of failures a warning is given: "MUST continue". */
void hooks_run_late(const struct workload *w, int kind, const char *status);
/* Those of the kind in the record, stopping at the first that fails. */
int hooks_run_record(const struct record *r, int pidfd, int kind, const char *status,
                     struct error **err) NODISCARD;
