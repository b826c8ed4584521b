// SPDX-License-Identifier: Apache-2.0
/* A network being made of what was asked: private to draft.c and draft_options.c. */
#pragma once

#include "net/store.h"

/* One draft under way. */
struct draft {
    const struct net_network_request *request;
    struct net_network *network;
    struct net_network **others;
    size_t other_count;
    struct net_subnet chosen_from[NET_FAMILIES];
};

/* One -o. ERROR_USAGE, or ERROR_UNSUPPORTED when the driver has none of this name. */
int draft_add_option(struct draft *d, const char *text, struct error **err) NODISCARD;
