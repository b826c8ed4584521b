// SPDX-License-Identifier: Apache-2.0
/* What this host's kernel has of what containers need: for `info` and `version`.
 *
 * Each feature is tried, not guessed from a version: a system call with arguments that change
 * nothing, a device that opens, an id-mapped mount made and dropped. Side effects: none that last;
 * short-lived child processes; opening may load a kernel module (overlay, nf_tables), as use would.
 * From any single-threaded process. Specifications: man 7 namespaces, cgroups, capabilities. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "base/error.h"
#include "base/str.h"

struct host_feature {
    const char *group; /* "Namespaces", "Control groups", … */
    const char *name;  /* "time" */
    bool found;
    const char
        *detail; /* where it is, which version; or why not; "" when there is nothing to say */
};

struct host_report {
    struct arena *arena;
    struct host_feature *features; /* those of a group stand together */
    size_t count;
    int cgroup_version;          /* 1, 2; hybrid counts as 1, as Docker says it; 0: none mounted */
    const char *cgroup_layout;   /* "v2", "v1", "hybrid", "none" */
    const char *file_system;     /* of the data folder: "ext4" */
    const char *security_labels; /* "apparmor", "selinux" or "" */
};

/* `data_dir` is where an id-mapped mount is tried: the nearest folder above it that exists. */
int host_probe(const char *data_dir, struct host_report *ret, struct error **err) NODISCARD;
void host_report_done(struct host_report *r);
static inline void host_report_cleanup(struct host_report *r)
{
    host_report_done(r);
}

/* [{"Group","Name","Found","Detail"}] */
json_t *host_report_to_json(const struct host_report *r);
