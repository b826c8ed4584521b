// SPDX-License-Identifier: Apache-2.0
/* The network of a build's RUN steps: one namespace for all of them, on the bridge of the engine's
 * containers, made when the first step wants it. Side effects: a network namespace that lives as
 * long as our descriptor, an attachment (net/net.h), files in the build's run folder. */
#pragma once

#include "build/build.h"

struct build_network;
int network_make(struct build *b, struct build_network **ret, struct error **err) NODISCARD;
/* Its path for whoever may see our /proc. Borrowed. */
const char *network_path(const struct build_network *n);
void network_free(struct build *b, struct build_network *n);

/* /etc/hosts and /etc/resolv.conf for a mode: "default" (made before), "none", "host". The caller
 * frees both. */
int network_files(const struct build *b, const char *mode, char **ret_hosts, char **ret_resolv,
                  struct error **err) NODISCARD;
/* Behind a build that was killed. */
void network_recover(const struct engine *e, const char *build_id);
