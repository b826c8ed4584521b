// SPDX-License-Identifier: Apache-2.0
/* What a container may send: frames with its own hardware address, ARP, IPv4 and IPv6 with its own
 * addresses, neighbour advertisements for them. Everything else is dropped at the host's end of its
 * pair, before the bridge learns from it: spoofed sources, ARP and neighbour lies, router
 * announcements, redirects, VLAN tags, other protocols, what is for 127.0.0.0/8.
 *
 * It is an eBPF program of some eighty instructions with the addresses as constants, on the
 * device's ingress: it goes with the device, and a flush of the host's firewall does not touch it.
 * It is a filter of tc's: attaching it by the bpf call itself (tcx, Linux 6.6) waits for a grace
 * period of the kernel's, 11 ms and more. Side effects: a program and a filter. Spec: man 2 bpf,
 * man 8 tc-bpf; RFC 826, RFC 4861. */
#pragma once

#include <linux/bpf.h>

#include "net/kernel/netlink.h"
#include "net/record.h"

#define GUARD_INSNS_MAX 160
/* The program for this end; how many instructions. Pure. */
size_t guard_build(const struct net_endpoint *e, struct bpf_insn insns[GUARD_INSNS_MAX]);

/* The programs of some ends, in their order; -1 where nothing of it is on the host. */
struct guards {
    int *fds;
    size_t count;
};
void guards_done(struct guards *g);
/* Loads them; then, when the devices are there, puts them where they belong. */
int guards_load(struct guards *ret, const struct net_endpoint *ends, size_t count,
                struct error **err) NODISCARD;
int guards_attach(struct netlink *route, const struct guards *g, const struct net_endpoint *ends,
                  struct error **err) NODISCARD;

/* tc's place for filters on what a device receives and sends; one that is there is well. */
void guard_add_filter_place(struct batch *b, int index);
