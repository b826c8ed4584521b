// SPDX-License-Identifier: Apache-2.0
/* The agent's end of the port: messages out through a queue, messages in by callback.
 *
 * What is queued is bounded by the streams' credit and by asking channel_has_room() before reading
 * more output: a host that does not read stops the workload's output, not the agent. */
#pragma once

#include <jansson.h>

#include "guest/protocol.h"

struct channel {
    int fd;
    struct message_reader in;
    struct strbuf out;
    size_t sent; /* of `out` */
};

void channel_json(struct channel *c, enum message_type type, uint32_t session, json_t *take);
void channel_bytes(struct channel *c, uint32_t session, enum message_stream stream,
                   const void *bytes, size_t len);
void channel_end(struct channel *c, uint32_t session, enum message_stream stream);
void channel_credit(struct channel *c, uint32_t session, uint32_t bytes);

bool channel_has_room(const struct channel *c);
bool channel_wants_to_write(const struct channel *c);
/* Writes what the port takes. 0 or -errno. */
int channel_flush(struct channel *c) NODISCARD;
/* Reads what there is. 1: something; 0: the host has closed the port; -EAGAIN. */
int channel_fill(struct channel *c) NODISCARD;
