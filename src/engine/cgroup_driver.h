// SPDX-License-Identifier: Apache-2.0
/* Which driver makes containers' cgroups: systemd, or we ourselves (cgroupfs).
 *
 * The setting "cgroup_driver" in the settings file says so; without it systemd, where it is the
 * first process of the host and cgroup v2 is all there is, because there nobody else may make
 * groups beside its own (https://systemd.io/CGROUP_DELEGATION). Decided when a container is made,
 * and kept in its spec's cgroupsPath. Reads files; no other side effect. */
#pragma once

#include <stdbool.h>

#include "base/error.h"

int cgroup_driver_is_systemd(const char *config_path, bool *ret, struct error **err) NODISCARD;
/* "slice:prefix:name", which the systemd driver takes, and no path. */
bool cgroups_path_is_systemd(const char *cgroups_path);
