// SPDX-License-Identifier: Apache-2.0
/* Attaching a workload to a network: an address, a way out, ports on the host.
 *
 * The calling sequence, all in one process that outlives the workload (the monitor):
 *     net_reserve()   before the workload exists: address leased, host ports taken, a record of
 *                     both written; hosts and resolv.conf can be written (net/files.h)
 *     net_attach()    when its network namespace exists, beside the rest of its set-up
 *     net_detach()    at its end. Idempotent; also after a crash at any point of the above
 *
 * Leases, ports and records are files under <run_dir>/net (tmpfs: they die with the machine; see
 * net/lease.h). Links, addresses and nftables elements are made by the program cloison-net
 * (libexec), which alone links libmnl and libnftnl: it reads the record, and prints an error as
 * JSON on its standard output. Nobody else on the start path knows netlink.
 *
 * Networks there are: "bridge". The bridge and the nftables table are made when absent and stay, as
 * removing a bridge takes the kernel tens of milliseconds (`cloison-net purge` does it). Settings,
 * in the config file: "network": {"bridge": "cloison0", "subnet": "172.30.0.0/16", "table":
 * "cloison"} */
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
    pid_t pid;               /* net_attach(): whose network namespace; 0 with netns_path */
    const char *netns_path;
    const struct strv *publish; /* Docker's -p syntax, or NULL */
};

struct net_attachment { /* what inspect shows and /etc/hosts needs */
    char *network, *bridge, *interface, *host_interface;
    char *address; /* "172.30.0.2" */
    int prefix_length;
    char *gateway, *mac_address;
    json_t *ports; /* [{"proto":"tcp","container":80,"host":8080,"address":"0.0.0.0"}] */
    /* Sockets bound to the host's ports, never listening, so that no other program takes them:
     * packets are redirected before they would reach them. Keep the attachment, or take these out
     * of it, for as long as the workload runs; whoever closes them loses only that protection. */
    int *held_fds;
    size_t held_count;
};
void net_attachment_free(struct net_attachment *a); /* closes held_fds */
DEFINE_CLEANUP(net_attachment, struct net_attachment *, net_attachment_free)

/* Leases the address and takes the host's ports. In this process, no kernel object but the held
 * sockets. Called again for the same id it drops what was reserved before and starts anew.
 * ERROR_BUSY: a port or the address is in use (by whom is in the message), or none is free. */
int net_reserve(const struct net_request *request, struct net_attachment **ret,
                struct error **err) NODISCARD;
/* Makes the bridge when absent, the veth pair, addresses, routes, loopback up, port elements. Call
 * net_detach() after a failure. May be called again for a namespace that takes the place of one
 * that ended (a restart): the host's end may then get another name. */
int net_attach(const struct net_request *request, struct net_attachment *reserved,
               struct error **err) NODISCARD;
/* Undoes both, known by id and run_dir alone, and netns_path when the namespace was given by path.
 * A missing piece is success. */
int net_detach(const struct net_request *request, struct error **err) NODISCARD;
/* net_detach() behind a process that was killed: also what it had begun to write. */
int net_recover(const struct net_request *request, struct error **err) NODISCARD;
/* Detaches every container that died without doing so. 1: there were some. */
int net_take_back_all(const char *run_dir, struct error **err) NODISCARD;
/* For --network none: the loopback up inside, nothing else (the namespace of pid). No process is
 * made: this thread enters the namespace to open a socket there, and returns. */
int net_loopback_up(pid_t pid, struct error **err) NODISCARD;

/* One parsed -p: "[[ADDRESS:]HOST[-HOST]:]CONTAINER[-CONTAINER][/PROTO]". */
struct net_port {
    char address[46]; /* of the host, "0.0.0.0": all */
    char proto[5];
    int host;      /* 0: any free one */
    int host_last; /* any free one of host … host_last; equal to host mostly */
    int container;
};
/* Errors are ERROR_USAGE. The caller frees *ret. */
int net_port_parse(const char *text, struct net_port **ret, size_t *ret_count,
                   struct error **err) NODISCARD;

struct net_ports {
    struct net_port *items;
    size_t count;
};
void net_ports_add(struct net_ports *list, const struct net_port *more, size_t count); /* copies */
void net_ports_done(struct net_ports *list);
static inline void net_ports_cleanup(struct net_ports *list)
{
    net_ports_done(list);
}
/* All of a request's, refusing one host port published twice. publish NULL: none. */
int net_ports_parse(const struct strv *publish, struct net_ports *ret,
                    struct error **err) NODISCARD;
/* The same for its verdict alone: for the command line. */
int net_ports_check(const struct strv *publish, struct error **err) NODISCARD;

/* {"network", "bridge", "interface", "hostInterface", "address", "prefixLength", "gateway",
 * "macAddress", "ports"} */
json_t *net_attachment_to_json(const struct net_attachment *a);
int net_attachment_from_json(const json_t *json, struct net_attachment **ret,
                             struct error **err) NODISCARD;
