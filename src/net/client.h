// SPDX-License-Identifier: Apache-2.0
/* What reserving and changing an attachment have in common: private to net. */
#pragma once

#include "net/lease.h"

/* One reservation under way: what every step needs. */
struct reservation {
    const struct net_request *request;
    const struct leases *leases;
    struct net_attachment *attachment;
    const json_t *before; /* {network id: [IPv4, IPv6]} of the last time, or NULL */
};

/* "container 'web'", for messages. The caller frees. */
char *client_holder_name(const struct net_place *place, const char *id);
/* Takes the leases of a holder back when it died without detaching. True: try again. */
bool client_take_back(const char *run_dir, const struct leases *l, const char *holder);
bool client_take_back_all(const char *run_dir, const struct leases *l);
/* Removes an attachment whole, under the lock. No record: nothing to do. */
int client_forget(const char *run_dir, const struct leases *l, const char *id,
                  struct error **err) NODISCARD;

/* Names, if the container's networks have any, at a gateway or inside. */
int client_serve_names(const struct net_request *q, const struct net_attachment *a,
                       struct error **err) NODISCARD;

/* reserve.c: finds the addresses of one more end, and appends it. Takes nothing yet. */
int client_add_endpoint(const struct reservation *v, const struct net_choice *choice,
                        struct error **err) NODISCARD;
/* The host's end is named anew each time: that of the run before may still be about to vanish. */
char *client_host_interface(void);
/* reserve_ports.c: binds the host's ports of request->publish, and lists them. */
int client_choose_ports(const struct reservation *v, struct error **err) NODISCARD;
