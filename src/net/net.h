// SPDX-License-Identifier: Apache-2.0
/* Attaching a workload to networks: addresses, a way out, names, ports on the host, a rate.
 *
 * The calling sequence, all in one process that outlives the workload (the monitor):
 *     net_reserve()   before the workload exists: addresses leased, host ports taken, a record of
 *                     both written; hosts and resolv.conf can be written (net/files.h)
 *     net_prepare()   right behind it, if time matters: what net_attach() does begins to load
 *     net_attach()    when its network namespace exists, beside the rest of its set-up
 *     net_detach()    at its end. Idempotent; also after a crash at any point of the above
 * and from any process, while it runs: net_connect(), net_disconnect(), net_set_rate(),
 * net_set_name(). What a container holds now stands in its record (net/record.h) alone.
 *
 * Leases, ports and records are files under <run_dir>/net (tmpfs: they die with the machine; see
 * net/lease.h). Links, addresses, nftables elements and shaping are made by the program cloison-net
 * (libexec), which alone links libmnl and libnftnl: it reads the record, and prints an error as
 * JSON on its standard output. Nobody else on the start path knows netlink.
 *
 * A bridge and the nftables table are made when absent and stay, as removing a bridge takes the
 * kernel tens of milliseconds (`cloison-net purge` does it). Whose end the interface is, a
 * container's or a machine's behind it, nothing here knows: it is an interface with addresses in a
 * network namespace. */
#pragma once

#include <jansson.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/str.h"
#include "net/network.h"

/* Where the store, the leases and the config are; borrowed. */
struct net_place {
    const char *run_dir, *data_dir, *config_path;
};

/* One network that a container is to be in, as it was asked for. */
struct net_choice {
    char *network;                /* its name, or ID */
    char *ip, *ip6, *mac_address; /* or NULL */
    char *interface;              /* its name inside, or NULL */
    struct strv aliases;
    struct strv links; /* "ID:NAME": this container alone calls that one so, too */
    int exit_priority; /* the network with the highest is the way out */
};
struct net_choices {
    struct net_choice *items;
    size_t count;
};
void net_choices_done(struct net_choices *c);
static inline void net_choices_cleanup(struct net_choices *c)
{
    net_choices_done(c);
}
struct net_choice *net_choices_add(struct net_choices *c, const char *network);
/* `--driver-opt TEXT`: com.docker.network.endpoint.ifname alone. ERROR_USAGE, ERROR_UNSUPPORTED. */
int net_choice_set_option(struct net_choice *c, const char *text, struct error **err) NODISCARD;
/* Why --link-local-ip is refused; always an error. */
int net_choice_refuse_link_local(struct error **err);
/* `--network TEXT`: NAME, or Docker's "name=NAME,alias=A,ip=…,ip6=…,mac-address=…,gw-priority=…,
 * driver-opt=…". ERROR_USAGE. */
int net_choices_parse(struct net_choices *c, const char *text, struct error **err) NODISCARD;
/* ERROR_USAGE for addresses that are none. */
int net_choice_check(const struct net_choice *c, struct error **err) NODISCARD;
/* [{"network", "ip", "ip6", "macAddress", "interface", "aliases", "links", "exitPriority"}] */
json_t *net_choices_to_json(const struct net_choices *c);
int net_choices_from_json(const json_t *json, struct net_choices *ret,
                          struct error **err) NODISCARD;

/* Bits a second, seen by the container; 0: no limit. */
struct net_rate {
    uint64_t in, out;
};
/* "in=50mbit,out=10mbit", either alone, or "10mbit" for both; bit, kbit, mbit, gbit are powers of
 * 1000; "0" lifts it. A direction that is not named keeps its value. ERROR_USAGE. */
int net_rate_parse(const char *text, struct net_rate *ret, struct error **err) NODISCARD;
/* "in=50mbit,out=10mbit"; NULL without a limit. The caller frees. */
char *net_rate_text(const struct net_rate *rate);

struct net_request {
    struct net_place place;
    const char *id;              /* the container's */
    const char *name, *hostname; /* what others call it; or NULL */
    const struct net_choices *networks;
    pid_t pid; /* net_attach(): whose network namespace; 0 with netns_path */
    const char *netns_path;
    const struct strv *publish; /* Docker's -p syntax, or NULL */
    const struct strv *dns;     /* the container's own resolvers, or NULL */
    struct net_rate rate;
    /* A file in which net_reserve() notes the addresses that it gave, to give them again when they
     * are free; NULL: they are not wanted again. */
    const char *addresses_path;
    /* The workload's programs are in that namespace themselves, not in a machine behind it. */
    bool names_inside;
};

/* One end: a container in a network. */
struct net_endpoint {
    struct net_network *network; /* as it was then */
    char *interface;             /* inside: "eth0" */
    char *host_interface;        /* the host's end of the pair */
    char *mac_address;
    struct net_address addresses[NET_FAMILIES]; /* family 0: none */
    struct strv aliases, links;
    int exit_priority;
};

struct net_attachment { /* what inspect shows and /etc/hosts needs */
    struct net_endpoint *endpoints;
    size_t count;
    struct net_rate rate;
    json_t *ports; /* [{"proto":"tcp","container":80,"host":8080,"address":"0.0.0.0"}] */
    /* Sockets bound to the host's ports, never listening, so that no other program takes them:
     * packets are redirected before they would reach them. Keep the attachment, or take these out
     * of it, for as long as the workload runs; whoever closes them loses only that protection. */
    int *held_fds;
    size_t held_count;
    /* Those on ::1, where the kernel redirects nothing: they listen, for net/proxy.h. */
    struct net_loop {
        int fd, container; /* the container's port */
    } * loops;
    size_t loop_count;
    struct net_helper *helper; /* of net_prepare() */
    /* The nf_tables message that withdraws the ports, as net_attach() got it from the helper, so
     * that the end needs no process; NULL: the helper does it. */
    void *withdrawal;
    size_t withdrawal_len;
    int *netns; /* the namespace with devices to be cleared at the end (net/device.h), or NULL */
};
void net_endpoint_done(struct net_endpoint *e);
void net_attachment_free(struct net_attachment *a); /* closes held_fds and loops, ends helper */
DEFINE_CLEANUP(net_attachment, struct net_attachment *, net_attachment_free)

/* Docker's EndpointID: 64 hex digits, made of the two IDs. */
#define NET_ENDPOINT_ID_BYTES 65
void net_endpoint_id(const char *container_id, const char *network_id,
                     char ret[NET_ENDPOINT_ID_BYTES]);

/* The end whose gateway is the way out of this family: of those that have one the first with the
 * highest priority; NULL: no way out. */
const struct net_endpoint *net_attachment_exit(const struct net_attachment *a, int family);
/* The same as if one end were not there. */
const struct net_endpoint *net_attachment_exit_without(const struct net_attachment *a, int family,
                                                       const struct net_endpoint *gone);
/* The end that published ports of this family lead to; NULL: none. */
const struct net_endpoint *net_attachment_entry(const struct net_attachment *a, int family);
const struct net_endpoint *net_attachment_find(const struct net_attachment *a,
                                               const char *network_id);
/* Is one of its networks a user's? Then names are served to it (net/names.h). */
bool net_attachment_has_names(const struct net_attachment *a);
/* The first of those that is a bridge: they are served at its gateway. NULL: there is none; then
 * they are served at NET_NAMES_INSIDE in its own namespace, where net_request.names_inside. */
const struct net_network *net_attachment_server(const struct net_attachment *a);
#define NET_NAMES_INSIDE "127.0.0.11" /* Docker's */

/* Leases the addresses and takes the host's ports. In this process, no kernel object but the held
 * sockets. Called again for the same id it drops what was reserved before and starts anew.
 * ERROR_BUSY: a port or an address is in use (by whom is in the message), or none is free. */
int net_reserve(const struct net_request *request, struct net_attachment **ret,
                struct error **err) NODISCARD;
/* Starts what net_attach() needs beside the caller's own work: nothing of this container's is made
 * before net_attach(), and net_detach() or net_attachment_free() end it. For a restart, *reserved
 * is what the record says now, since the host's ends may get other names. */
int net_prepare(const struct net_request *request, struct net_attachment *reserved,
                struct error **err) NODISCARD;
/* Makes the bridges when absent, the veth pairs, addresses, routes, loopback up, port elements.
 * Call net_detach() after a failure. May be called again for a namespace that takes the place of
 * one that ended (a restart): the host's ends may then get other names, and *reserved is what the
 * record says now. */
int net_attach(const struct net_request *request, struct net_attachment *reserved,
               struct error **err) NODISCARD;
/* What the record says now, in place of what was reserved: before the files of a restart are
 * written.
 */
int net_refresh(const struct net_request *request, struct net_attachment *a,
                struct error **err) NODISCARD;
/* Undoes all, known by id and run_dir alone, and netns_path when the namespace was given by path;
 * a, or NULL, makes it faster. A missing piece is success. */
int net_detach(const struct net_request *request, struct net_attachment *a,
               struct error **err) NODISCARD;
/* net_detach() behind a process that was killed: also what it had begun to write. */
int net_recover(const struct net_request *request, struct error **err) NODISCARD;
/* Detaches every container that died without doing so. 1: there were some. */
int net_take_back_all(const char *run_dir, struct error **err) NODISCARD;

/* One more network for a running container (request->networks has it alone; pid is set). The whole
 * attachment as it is then in *ret. ERROR_EXISTS when it is in it. */
int net_connect(const struct net_request *request, struct net_attachment **ret,
                struct error **err) NODISCARD;
/* Takes it out of the network; its published ports go with the end they lead to, or to the next. */
int net_disconnect(const struct net_request *request, const char *network_id,
                   struct net_attachment **ret, struct error **err) NODISCARD;
int net_set_rate(const struct net_request *request, struct error **err) NODISCARD;
/* After a rename. A container without a record: nothing to do. */
int net_set_name(const struct net_request *request, struct error **err) NODISCARD;

/* What the container holds now, as net_attachment_to_json(); NULL: nothing. */
json_t *net_attachment_load(const char *run_dir, const char *id);
/* Names of the containers attached to a network, appended. The dead are taken back first. */
struct leases;
void net_network_attached(const struct net_place *place, const struct leases *l,
                          const char *network_id, struct strv *ret_names);
/* {id: {"Name", "EndpointID", "MacAddress", "IPv4Address", "IPv6Address"}}: Docker's. */
json_t *net_network_containers(const struct net_place *place, const char *network_id);

/* For --network none: the loopback up inside, nothing else (the namespace of pid). No process is
 * made: this thread enters the namespace to open a socket there, and returns. */
int net_loopback_up(pid_t pid, struct error **err) NODISCARD;

/* One parsed -p: "[[ADDRESS:]HOST[-HOST]:]CONTAINER[-CONTAINER][/PROTO]". */
struct net_port {
    char address[46]; /* of the host; "": all, of both families */
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

/* {"endpoints": [{"network": {…}, "interface", "hostInterface", "address", "address6",
 *  "macAddress", "aliases", "links", "exitPriority"}], "rate": {"in", "out"}, "ports"} */
json_t *net_attachment_to_json(const struct net_attachment *a);
int net_attachment_from_json(const json_t *json, struct net_attachment **ret,
                             struct error **err) NODISCARD;
