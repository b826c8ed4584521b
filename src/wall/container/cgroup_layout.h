// SPDX-License-Identifier: Apache-2.0
/* The parsing half of cgroup_layout_read(): pure, so that any host's layout can be tested.
 *
 * Specification: man 7 cgroups "/proc/[pid]/cgroup", man 5 proc "mountinfo". */
#pragma once

#include "wall/container/cgroup.h"

/* From the texts of /proc/self/cgroup and /proc/self/mountinfo. The v2 hierarchy's controllers are
 * left empty: cgroup_layout_set_unified() adds them. */
void cgroup_layout_parse(struct arena *a, const char *cgroup_text, const char *mountinfo_text,
                         struct cgroup_layout *ret);
/* From the text of cgroup.controllers at the v2 mount. */
void cgroup_layout_set_unified(struct cgroup_layout *layout, const char *controllers_text);
