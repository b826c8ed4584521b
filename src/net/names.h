// SPDX-License-Identifier: Apache-2.0
/* The program cloison-names, which answers a network's containers when they ask for each other by
 * name (src/net/names). One for a run folder; it ends by itself when no attachment has names. */
#pragma once

#include "net/net.h"

/* Starts it when it does not run; returns when it answers for all that is attached. Side effect: a
 * process that outlives this one. */
int net_names_serve(const struct net_place *place, struct error **err) NODISCARD;
