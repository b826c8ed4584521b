// SPDX-License-Identifier: Apache-2.0
/* Namespaces that a container shares with another ("container:ID"): their paths name the other's
 * process, which changes at each of its starts. Reads the store; namespaces_refresh() rewrites
 * config.json. */
#pragma once

#include "engine/container.h"
#include "spec/spec.h"

/* "/proc/<pid>/ns/<type>" of a running container. The caller frees *ret. */
int namespace_path(const struct engine *e, const char *container, enum spec_namespace_type type,
                   char **ret, struct error **err) NODISCARD;

/* Before a start: config.json's paths of shared namespaces are made those of now. */
int namespaces_refresh(const struct engine *e, const struct container *c,
                       struct error **err) NODISCARD;
