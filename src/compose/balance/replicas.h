// SPDX-License-Identifier: Apache-2.0
/* What stands behind a load balancer, and which of it answers: a file that `compose` writes, a line
 * for each replica, and the hosts file that Caddy looks the replicas up in. Pure.
 *
 * A line of the former: "ADDRESS PORT SERVICE PATH"; PATH is "-" where a connection is enough.
 * The latter names a service's replicas SERVICE.balanced; each of its lines is as wide as the
 * others and there are never fewer, so that a file that is read while it is written has old or new
 * lines, never half ones. */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "base/str.h"

#define BALANCED_DOMAIN ".balanced"
#define BALANCE_FOLDER "/run/balancer" /* where the folder of both is bound */
#define REPLICAS_BYTES_MAX (1u << 20)
/* Looks in a row that find nobody before a replica is left out: one may be bad luck. */
#define MISSES_MAX 2

struct replica {
    char *address, *service;
    char *path; /* asked for by GET, or NULL */
    int port;
    int misses; /* looks in a row that found nobody */
};
struct replicas {
    struct replica *items;
    size_t count;
};

/* What `before` knows of a replica is kept. Lines that are none are left out. */
void replicas_parse(const char *text, const struct replicas *before, struct replicas *ret);
void replicas_done(struct replicas *r);
static inline void replicas_cleanup(struct replicas *r)
{
    replicas_done(r);
}

void replica_judge(struct replica *r, bool answers);
/* The hosts file. A service none of whose replicas answers keeps all of them: it may be the looking
 * that is at fault. */
void replicas_hosts(const struct replicas *r, struct strbuf *ret);

/* Writes it where something has changed: in place, as what is bound elsewhere is this inode. */
int replicas_write_hosts(const struct replicas *r, const char *path, struct error **err) NODISCARD;
