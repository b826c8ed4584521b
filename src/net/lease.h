// SPDX-License-Identifier: Apache-2.0
/* Addresses and host ports that containers hold: symlinks to the holder's id, so that taking one is
 * one exclusive system call and a half-written lease cannot exist.
 *     <run_dir>/net/lock                                held over every change
 *     <run_dir>/net/addresses/<network id>/<address>    -> <id>
 *     <run_dir>/net/addresses/<network id>/.last[6]     the address given last
 *     <run_dir>/net/ports/<proto>-<port>/<address>      -> <id>; 0.0.0.0 excludes all others of
 *                                                       IPv4, :: those of IPv6
 *     <run_dir>/net/attachments/<id>.json               see net/record.h
 * Addresses are given in turn, so that one just returned rests. A lease whose holder died without
 * detaching stays until somebody wants it: net/client.c then takes it back.
 *
 * Use: leases_open() takes the lock; find, lease_take() with the record already saved; close.
 * Side effects: these files. */
#pragma once

#include <stdbool.h>

#include "net/record.h"

#define LEASE_HOLDER_BYTES 129 /* an id has at most 128 characters */

struct leases {
    int dir, lock;
};
#define LEASES_NONE ((struct leases){-1, -1})
int leases_open(const char *run_dir, struct leases *ret, struct error **err) NODISCARD;
void leases_close(struct leases *l);
static inline void leases_cleanup(struct leases *l)
{
    leases_close(l);
}

/* A free address of the network's pool: `wanted`, or the next in turn when its family is 0. 0,
 * -EADDRINUSE with the holder's id, -ENOSPC when all are taken, or another negative errno. Takes
 * nothing yet. */
int lease_find_address(const struct leases *l, const char *network_id, const struct net_pool *p,
                       const struct net_address *wanted, struct net_address *ret,
                       char holder[LEASE_HOLDER_BYTES]);

/* Does a container hold this port of the host, at this address or one that includes it? */
bool lease_port_held(const struct leases *l, const char *proto, const char *address, int port,
                     char holder[LEASE_HOLDER_BYTES]);

/* Takes the addresses and all ports of the record; those that it holds already stay its own. On
 * failure some may be taken: the caller drops them. */
int lease_take(const struct leases *l, const struct net_record *record,
               struct error **err) NODISCARD;
/* One end's addresses, of a container that goes on. */
int lease_drop_endpoint(const struct leases *l, const char *id, const struct net_endpoint *e,
                        struct error **err) NODISCARD;
/* Returns what the record's id really holds of it, then removes the record. */
int lease_drop(const struct leases *l, const struct net_record *record,
               struct error **err) NODISCARD;

/* Removes what those who were killed while they held the lock left half made. */
void leases_sweep(const struct leases *l);

/* Is the holder gone? It is alive while the process that reserved lives, while its monitor holds
 * <run_dir>/containers/<id>/monitor.lock, or while the process in its state.json lives. */
bool lease_holder_gone(const char *run_dir, const struct net_record *record);
