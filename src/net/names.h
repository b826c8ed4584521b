// SPDX-License-Identifier: Apache-2.0
/* The program cloison-names, which answers a network's containers when they ask for each other by
 * name (src/net/names). One for a run folder; it ends by itself when no attachment has names. */
#pragma once

#include "net/net.h"

/* Starts it when it does not run; returns when it answers for all that is attached. Side effect: a
 * process that outlives this one. */
int net_names_serve(const struct net_place *place, struct error **err) NODISCARD;

/* Hands it sockets for one container: questions that come in by them are that container's, until
 * the process behind the pidfd has ended or the sockets are replaced. It runs. All are borrowed. */
enum { NET_NAMES_UDP, NET_NAMES_TCP, NET_NAMES_PIDFD, NET_NAMES_FDS };
int net_names_offer(const char *run_dir, const char *id, const int fds[NET_NAMES_FDS],
                    struct error **err) NODISCARD;
