// SPDX-License-Identifier: Apache-2.0
/* Addresses of either family, and the subnets they are of. Pure.
 * Spec: RFC 4632 (prefixes), RFC 4291 (IPv6 addresses and their text). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/macros.h"

#define NET_ADDRESS_BYTES 46 /* INET6_ADDRSTRLEN */
#define NET_SUBNET_BYTES 50  /* and "/128" */

/* In network byte order; an IPv4 address takes the first four bytes. family 0: none. */
struct net_address {
    int family; /* AF_INET, AF_INET6 */
    uint8_t bytes[16];
};
/* Any family; text is written back in one spelling. 0 or -EINVAL. */
int net_address_parse(const char *text, struct net_address *ret) NODISCARD;
void net_address_text(const struct net_address *a, char text[NET_ADDRESS_BYTES]); /* none: "" */
bool net_address_equal(const struct net_address *a, const struct net_address *b);
size_t net_address_len(const struct net_address *a);  /* 4 or 16 bytes */
bool net_address_is_any(const struct net_address *a); /* 0.0.0.0, :: */

struct net_subnet {
    struct net_address base; /* family 0: none */
    int prefix;
};
/* "10.1.0.0/16". 0, -EINVAL, or -ERANGE when it has bits behind the prefix. */
int net_subnet_parse(const char *text, struct net_subnet *ret) NODISCARD;
void net_subnet_text(const struct net_subnet *s, char text[NET_SUBNET_BYTES]);
bool net_subnet_has(const struct net_subnet *s, const struct net_address *a);
bool net_subnets_overlap(const struct net_subnet *a, const struct net_subnet *b);

/* Addresses of a subnet by number, from 0; of a subnet larger than 2^64 the first 2^64. */
struct net_address net_subnet_at(const struct net_subnet *s, uint64_t number);
uint64_t net_subnet_number(const struct net_subnet *s, const struct net_address *a);
uint64_t net_subnet_last(const struct net_subnet *s); /* the highest number */
