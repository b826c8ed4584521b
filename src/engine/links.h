// SPDX-License-Identifier: Apache-2.0
/* --link CONTAINER[:NAME]: another container under a name of this one's own. In networks with names
 * cloison-names answers to it; in the network `bridge`, which has none, it is a line of /etc/hosts,
 * of the address that the other has when this one starts. Reads the store and records; no other
 * side effect. */
#pragma once

#include "engine/container.h"
#include "net/net.h"

/* "CONTAINER[:NAME]" each, as "ID:NAME" appended to *ret. ERROR_NOT_FOUND. */
int links_resolve(const struct engine *e, const struct strv *texts, struct strv *ret,
                  struct error **err) NODISCARD;
/* The lines for /etc/hosts, appended. lenient: one that does not run has none, else ERROR_BUSY. */
int links_hosts(const struct engine *e, const struct net_attachment *a, bool lenient,
                struct strv *ret, struct error **err) NODISCARD;
