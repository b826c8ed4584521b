// SPDX-License-Identifier: Apache-2.0
/* Names for a container none of whose networks has a gateway of ours (macvlan, ipvlan): sockets in
 * its own namespace, handed to cloison-names (net/names.h), which runs. Docker's way: they listen
 * at 127.0.0.11, on ports that the kernel gives, and a rule leads port 53 there, so that a name
 * server inside can still have that port on all addresses.
 * Side effects: this process stays in the container's namespace; a table there. */
#pragma once

#include <sys/types.h>

#include "net/record.h"

int inside_serve(const char *run_dir, const struct net_record *record, pid_t pid,
                 struct error **err) NODISCARD;
