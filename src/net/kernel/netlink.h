// SPDX-License-Identifier: Apache-2.0
/* Netlink messages sent many at a time. One sendmsg() carries a whole batch; the kernel has handled
 * all of it when the call returns, so that every answer lies ready and nothing here waits.
 *
 * Use: netlink_open(); batch_begin(), batch_add() for each message, filled with mnl_attr_put…();
 * batch_run(); netlink_close(). A message returned by batch_add() is valid until the next one.
 * Side effects: kernel objects, as the messages say. Spec: man 7 netlink, rtnetlink;
 * Documentation/userspace-api/netlink/intro.rst. */
#pragma once

#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct netlink {
    struct mnl_socket *socket;
    int bus; /* NETLINK_ROUTE, NETLINK_NETFILTER */
};
/* In the calling process' network namespace, for good. */
int netlink_open(int bus, struct netlink *ret, struct error **err) NODISCARD;
/* The same, never by the socket that our starter lent us: in a namespace entered since. */
int netlink_open_here(int bus, struct netlink *ret, struct error **err) NODISCARD;
void netlink_close(struct netlink *n);
static inline void netlink_cleanup(struct netlink *n)
{
    netlink_close(n);
}

/* For error texts and for what may be ignored. */
struct batch_entry {
    uint32_t seq;
    const char *what; /* borrowed: "making the bridge" */
    int tolerated;    /* an errno that is no failure, or 0 */
};

struct batch {
    char *data;
    size_t len, capacity;
    uint32_t next_seq;
    struct batch_entry *entries;
    size_t count;
    bool transaction; /* nf_tables: between BEGIN and END, all or nothing */
};
void batch_begin(struct batch *b, bool transaction);
void batch_done(struct batch *b);
static inline void batch_cleanup(struct batch *b)
{
    batch_done(b);
}

/* A new message of this type, NLM_F_REQUEST added. Room for BATCH_MESSAGE_ROOM bytes. */
#define BATCH_MESSAGE_ROOM ((size_t)16384)
struct nlmsghdr *batch_add(struct batch *b, uint16_t type, uint16_t flags, const char *what,
                           int tolerated);

/* The batch as it is sent, whole: nothing can be added. Its last message is acknowledged. */
const void *batch_finish(struct batch *b, size_t *ret_len);

/* Called for each answer that is not an acknowledgement; may be NULL. */
typedef void (*batch_answer)(const struct nlmsghdr *answer, void *context);

/* Sends all and takes every answer. The first error that is not tolerated becomes *err, in the
 * words of its message and the kernel's own; later ones mostly follow from it. */
int batch_run(struct netlink *n, struct batch *b, batch_answer answer, void *context,
              struct error **err) NODISCARD;

/* A dump: batch_answer for each part, until the kernel says done. */
int netlink_dump(struct netlink *n, struct batch *b, batch_answer answer, void *context,
                 struct error **err) NODISCARD;
