// SPDX-License-Identifier: Apache-2.0
/* The probes of engine/host.h, one function a group; each appends its features to the report. */
#pragma once

#include <errno.h>

#include "engine/host.h"

/* Appends a feature; `code` 0 means found, else it is a positive errno that says why not, shown
 * unless `detail` says it better. `detail` may be NULL. */
void host_add(struct host_report *r, const char *group, const char *name, int code,
              const char *detail);

/* Of a call made with arguments that the kernel refuses with `expected` when it knows the call. */
static inline int host_errno_unless(long result, int expected)
{
    return result >= 0 || errno == expected ? 0 : errno;
}

void host_probe_namespaces(struct host_report *r);
void host_probe_cgroups(struct host_report *r);
void host_probe_mounts(struct host_report *r, const char *data_dir);
void host_probe_processes(struct host_report *r);
void host_probe_security(struct host_report *r);
void host_probe_network(struct host_report *r);
void host_probe_vm(struct host_report *r);
