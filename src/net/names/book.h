// SPDX-License-Identifier: Apache-2.0
/* Who is called how, in which network: kept from the records of what is attached. A container knows
 * the others of its networks by name, by the first 12 digits of the ID, by hostname and
 * alias, each also followed by ".<network>". Reads records; no other side effect. */
#pragma once

#include "net/names/message.h"
#include "net/record.h"

struct book {
    struct net_record **records;
    size_t count;
    unsigned turn; /* answers begin with another address each time */
};
void book_done(struct book *b);
/* Reads the record of this id again; one that is gone, or names nobody, goes. dir: <run_dir>/net.
 */
void book_update(struct book *b, int dir, const char *id);
void book_update_all(struct book *b, int dir);

/* The container of this id; NULL: none is in the book. */
const struct net_record *book_find(const struct book *b, const char *id);
/* The container that has this address in a network whose gateway is `gateway`; NULL: none. */
const struct net_record *book_asker(const struct book *b, const struct net_address *gateway,
                                    const struct net_address *address);

/* Answers from the book: true when the name (or, for PTR, the address) is one of a container's that
 * the asker can reach. */
bool book_answer(struct book *b, const struct net_record *asker, const struct dns_question *q,
                 struct dns_answer *a);

/* Every gateway at which names are to be served, once each, appended. */
struct gateways {
    struct net_address *items;
    size_t count;
};
void book_gateways(const struct book *b, struct gateways *ret);
