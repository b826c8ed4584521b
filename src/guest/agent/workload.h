// SPDX-License-Identifier: Apache-2.0
/* The workload inside the machine: its root file system out of disks, and the container wall.
 *
 * The spec is the host's, applied by the same code as on a host; what means the machine itself is
 * left out first: workload_adapt(). One per machine. */
#pragma once

#include <jansson.h>

#include "wall/wall.h"

#define WORKLOAD_UPPER "/run/disk/upper" /* what is written over the layers */
#define WORKLOAD_MERGED "/run/merged"    /* the root of a machine without a workload */

struct guest_workload {
    struct workload *workload; /* NULL: none yet */
    struct spec *spec;
    struct plan *plan;
    json_t *files; /* host_files.h: what it was given */
};

/* Takes away what the machine is instead, or has not: the network namespace (the machine's own
 * network is the workload's), the cgroup's place, labels of the host's security modules, hooks but
 * startContainer's, annotations that chose the machine, and of the resources what
 * workload_adapt_resources() takes. Pure. */
void workload_adapt(struct spec *spec);
/* Of a process, the labels of the host's security modules. */
void workload_adapt_process(struct spec_process *p);

/* The host's groups hold what is said of its processors, memory nodes and disks. Pure. */
void workload_adapt_resources(struct spec_resources *r);

/* For a machine in which only files are looked at: the same "layers" and "disk", overlaid on
 * WORKLOAD_MERGED; no workload is made. */
int workload_browse(const json_t *request, struct error **err) NODISCARD;

/* The request's "spec", "layers" (serials of read-only disks with EROFS, topmost first), "disk"
 * (the serial of a writable disk with ext4; absent: memory), "files" (texts that the spec binds)
 * and "network". */
int workload_create(struct guest_workload *g, const json_t *request, const struct wall_io *io,
                    void (*console)(void *context, int master), void *context,
                    struct error **err) NODISCARD;
