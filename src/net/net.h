// SPDX-License-Identifier: Apache-2.0
/* Attaching a workload to a network. The work is done by the program cloison-net (libexec), which
 * alone links libmnl and libnftnl; this header is what its callers see: a request in JSON on its
 * standard input, an attachment in JSON on its standard output, one error line on standard error.
 *
 * A wall differs only in what it has at its end: a network namespace (veth) or, later, a tap.
 * Side effects: kernel links, addresses, nftables elements, lease files under
 * <run_dir>/net (tmpfs: they die with the machine). All of it is undone by net_detach(), which is
 * idempotent and also works after a crash half way. */
#pragma once

#include <jansson.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/str.h"

struct net_request {
    const char *run_dir, *data_dir, *config_path;
    const char *id;          /* the container's */
    const char *network;     /* "bridge" */
    const char *ip;          /* a fixed address, or NULL */
    const char *mac_address; /* or NULL */
    pid_t pid;               /* whose network namespace; 0 with netns_path */
    const char *netns_path;
    const struct strv *publish; /* Docker's -p syntax, already checked by net_ports_check() */
};

struct net_attachment { /* what inspect shows and /etc/hosts needs */
    char *network, *bridge, *interface, *host_interface;
    char *address; /* "172.30.0.2" */
    int prefix_length;
    char *gateway, *mac_address;
    json_t *ports; /* [{"proto":"tcp","container":80,"host":8080,"address":"0.0.0.0"}] */
};
void net_attachment_free(struct net_attachment *a);
DEFINE_CLEANUP(net_attachment, struct net_attachment *, net_attachment_free)

/* Leases the address and takes the host ports before anything starts, so that /etc/hosts can be
 * written and a port in use is an error early. Pure of the kernel but for a bind(2) probe. */
int net_reserve(const struct net_request *request, struct net_attachment **ret,
                struct error **err) NODISCARD;
/* Makes the bridge when absent, the veth pair, addresses, routes, loopback up, port elements. */
int net_attach(const struct net_request *request, const struct net_attachment *reserved,
               struct error **err) NODISCARD;
/* Undoes both. A missing piece is success. */
int net_detach(const struct net_request *request, struct error **err) NODISCARD;
/* For --network none: the loopback up inside, nothing else (the namespace of pid). */
int net_loopback_up(pid_t pid, struct error **err) NODISCARD;

/* One parsed -p. "[[ADDRESS:]HOST[-HOST]:]CONTAINER[-CONTAINER][/PROTO]" */
struct net_port {
    char address[46];
    char proto[5];
    int host, container; /* host 0: ephemeral */
};
int net_port_parse(const char *text, struct net_port **ret, size_t *ret_count,
                   struct error **err) NODISCARD;

json_t *net_attachment_to_json(const struct net_attachment *a);
int net_attachment_from_json(const json_t *json, struct net_attachment **ret,
                             struct error **err) NODISCARD;
