// SPDX-License-Identifier: Apache-2.0
/* The host's end of the guest protocol: requests and their replies, and whatever comes between.
 *
 * What the guest says is not taken on trust: a message that breaks the protocol, a reply that is no
 * object or that nobody asked for, ends the link with ERROR_CORRUPT. One thread. Blocks, up to the
 * time given, in link_hello() and link_request(); messages of streams and ends that come meanwhile
 * go to the callback. Spec: docs/guest-protocol.md. */
#pragma once

#include <jansson.h>

#include "base/error.h"
#include "guest/protocol.h"

struct guest_link {
    int fd; /* a stream socket, non-blocking; borrowed */
    struct message_reader in;
    void *context;
    /* MESSAGE_DATA, MESSAGE_END, MESSAGE_CREDIT, MESSAGE_EXIT: the payload lives until it returns.
     */
    int (*receive)(void *context, const struct message *f, struct error **err);
};

/* Waits for the agent's hello; its JSON when `ret` is not NULL. */
int link_hello(struct guest_link *l, int timeout_ms, json_t **ret, struct error **err) NODISCARD;

/* Sends {"request": name, …fields} (fields is taken, may be NULL): before the hello, too, when it
 * waits in the port. One at a time. */
int link_ask(struct guest_link *l, uint32_t session, const char *name, json_t *fields_take,
             struct error **err) NODISCARD;
/* Waits for the reply to it: 0, or the guest's own error. */
int link_answer(struct guest_link *l, uint32_t session, int timeout_ms, json_t **ret,
                struct error **err) NODISCARD;
/* Both. */
int link_request(struct guest_link *l, uint32_t session, const char *name, json_t *fields_take,
                 int timeout_ms, json_t **ret, struct error **err) NODISCARD;

/* Sends one message, waiting for room, LINK_ROOM_MS at most at a time. */
enum { LINK_ROOM_MS = 90000 };
int link_send(struct guest_link *l, enum message_type type, uint32_t session,
              enum message_stream stream, const void *payload, size_t len,
              struct error **err) NODISCARD;

/* Hands on what came in the same breath as a reply: before every wait for more. */
int link_drain(struct guest_link *l, struct error **err) NODISCARD;
/* Takes in what has come, all of it through the callback. 1; 0: the guest is gone. */
int link_take_in(struct guest_link *l, struct error **err) NODISCARD;
void link_done(struct guest_link *l);
