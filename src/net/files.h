// SPDX-License-Identifier: Apache-2.0
/* A container's /etc/hosts, /etc/resolv.conf and /etc/hostname, written on the host before the
 * workload exists and bind mounted into it. Contents are as Docker writes them. Side effects: the
 * files named, written whole; the host's own files are read. */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "base/str.h"

struct net_hosts {
    const char *hostname, *domainname; /* domainname may be NULL */
    const struct strv *addresses;      /* of the container; NULL or empty: none of its own */
    const char *gateway;               /* what "host-gateway" means; NULL: refused */
    const struct strv *extra;          /* --add-host: "name:ip", "name=ip", "name:host-gateway" */
    const struct strv *others;         /* whole lines: other containers; may be NULL */
    const char *host_path;             /* start with this file's lines (--network host), or NULL */
    bool in_place; /* the file is bind mounted already: a new one would not be seen there */
};

/* Errors: ERROR_USAGE for an entry of `extra`. */
int net_write_hosts(const char *path, const struct net_hosts *hosts, struct error **err) NODISCARD;
/* The same check without writing, for the command line. */
int net_check_add_host(const char *entry, struct error **err) NODISCARD;

struct net_resolv;
/* What of it was given, as far as it can be wrong; for the command line. ERROR_USAGE. */
int net_check_resolv(const struct net_resolv *resolv, struct error **err) NODISCARD;

struct net_resolv {
    const struct strv *dns, *search, *options; /* --dns, --dns-search, --dns-option; may be NULL */
    const char *served_by; /* the address of the one that knows the containers' names, or NULL */
    bool ipv6;             /* IPv6 resolvers can be reached, too */
    bool in_place;         /* as above */
    /* A file that keeps what was written, or NULL. In place, a file that has another content since
     * is somebody's who is inside: it is left alone. */
    const char *written_path;
    bool host_network;     /* the host's loopback resolvers can be reached: nothing is left out */
    const char *host_path; /* NULL: /etc/resolv.conf */
    const char *systemd_path; /* NULL: /run/systemd/resolve/resolv.conf, of systemd-resolved */
};

/* `served_by` alone when there is one: it asks those that are given, or the host's. Else the host's
 * resolvers unless some are given. Loopback ones, which mean nothing in a network
 * namespace of one's own, are left out; when none is left, those behind systemd-resolved, then
 * 8.8.8.8 and 8.8.4.4. A host without the file counts as empty. Errors: ERROR_USAGE for an address
 * that is none. */
int net_write_resolv(const char *path, const struct net_resolv *resolv,
                     struct error **err) NODISCARD;

int net_write_hostname(const char *path, const char *hostname, struct error **err) NODISCARD;
