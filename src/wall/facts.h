// SPDX-License-Identifier: Apache-2.0
/* Facts about a wall as it stands, each read back from the kernel: what isolation() of struct
 * wall_ops tells. Both walls have a process of the host's to look at: a container's first process,
 * a machine's monitor.
 *
 * A fact is {"kind": "separate"|"limited"|"shared", "name", "value", "meaning"}: what the host and
 * the workload each have their own of, what the workload has a bounded part of, and what it shares
 * with the host; the value as the kernel says it; one line that a newcomer understands. Reads
 * /proc; no side effects. man 5 proc, man 7 namespaces, man 7 capabilities. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/macros.h"
#include "spec/spec.h"

enum fact_kind { FACT_SEPARATE, FACT_LIMITED, FACT_SHARED };

/* Appends a fact to the array; `value_take` is freed. */
void fact_add(json_t *facts, enum fact_kind kind, const char *name, char *value_take,
              const char *meaning);

/* "mnt" for SPEC_NS_MOUNT: the name in /proc/PID/ns. */
const char *namespace_file(enum spec_namespace_type type);
/* The inode of a process's namespace; 0 when it cannot be read. */
uint64_t namespace_inode(pid_t pid, enum spec_namespace_type type);
/* The same of the host: its first process's, or our own where that is not to be seen. */
uint64_t namespace_inode_host(enum spec_namespace_type type);

/* /proc/PID/status, or NULL. The caller frees. */
char *process_status(pid_t pid);
/* What stands behind "KEY:" there, without blanks before it. The caller frees; NULL when absent. */
char *process_status_value(const char *status, const char *key);

/* The eight namespaces, a fact each; the user namespace with its map. `whose` stands before the
 * names: "" for the workload, "monitor's " for a machine's monitor. */
void facts_namespaces(json_t *facts, pid_t pid, const char *whose);
/* Capabilities, no_new_privs, the security module's label, and the filter of system calls, of which
 * `calls` says how many it lets through (NULL: unknown). */
void facts_privileges(json_t *facts, pid_t pid, const char *whose, const char *calls);
