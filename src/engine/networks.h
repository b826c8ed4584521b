// SPDX-License-Identifier: Apache-2.0
/* A container and its networks: what is asked of net for it, the files that tell it who and where
 * it is, and changes while it is there.
 *
 * Side effects: container.json, the files hosts, resolv.conf and hostname, and those of net/net.h.
 * connect and disconnect hold the container's lock. */
#pragma once

#include "engine/container.h"
#include "net/net.h"
#include "spec/request.h"

/* A request to net, and what it borrows from. */
struct network_need {
    struct net_choices choices;
    char *addresses_path; /* NULL: it is removed at its end */
    struct net_request request;
};
int network_need(const struct engine *e, const struct container *c, pid_t pid,
                 struct network_need *ret, struct error **err) NODISCARD;
void network_need_done(struct network_need *n);
static inline void network_need_cleanup(struct network_need *n)
{
    network_need_done(n);
}

/* From the command line into c->network_mode, networks, publish and the rest, checked. */
int network_choose(const struct engine *e, const struct run_request *r, struct container *c,
                   struct error **err) NODISCARD;

/* "none", "host", "container:…": no network of the container's own. */
bool network_is_special(const char *mode);
/* Is the workload a machine, whose programs are not in the namespace that is attached? */
bool network_is_machine(const struct container *c);
/* Are they there, each once, and can they be what was asked? They get the networks' own names. */
int network_check_choices(const struct engine *e, struct net_choices *choices,
                          struct error **err) NODISCARD;
/* The first of the chosen networks, when none of them is a bridge that leads out: nothing is
 * published then. NULL: one is, or what was chosen is wrong. The caller frees. */
char *network_without_ports(const struct engine *e, const struct run_request *r);

/* The three files that the spec binds into the workload; in place when it runs. A container in
 * another's network namespace has that one's hosts and resolv.conf: its spec names them. a NULL: no
 * network of its own. */
int network_write_files(const struct engine *e, const struct container *c,
                        const struct net_attachment *a, bool in_place,
                        struct error **err) NODISCARD;

/* The host's resolver may have changed: a running container's resolv.conf follows, unless somebody
 * inside has written his own. Brings *a up to date. */
int network_follow_resolver(const struct engine *e, const struct container *c,
                            struct net_attachment *a, struct error **err) NODISCARD;

int engine_network_connect(const struct engine *e, const char *container,
                           const struct net_choice *choice, struct error **err) NODISCARD;
/* `force`: also when the network is gone. Ports that led there lead nowhere, or to the next. */
int engine_network_disconnect(const struct engine *e, const char *network, const char *container,
                              bool force, struct error **err) NODISCARD;
