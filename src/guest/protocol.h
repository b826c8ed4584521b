// SPDX-License-Identifier: Apache-2.0
/* The guest protocol: what the host and the agent of a machine say to each other over one console
 * port. docs/guest-protocol.md is its specification; this is the framing, the same on both sides.
 *
 * A message is a header and a payload. message_feed() takes bytes as they come and hands out whole
 * messages; what breaks the rules ends the connection (-EPROTO): the other side is not trusted.
 * message_add() appends one to a buffer. Pure, but for memory. */
#pragma once

#include <stdint.h>

#include "base/str.h"

#define GUEST_PROTOCOL_VERSION 2
#define GUEST_PORT_NAME "org.cloison.agent"

#define MESSAGE_DATA_MAX (64 * 1024)        /* bytes of one MESSAGE_DATA */
#define MESSAGE_BYTES_MAX (4 * 1024 * 1024) /* of any other: a runtime spec is 20 to 200 KB */
#define STREAM_CREDIT_INITIAL (256 * 1024)  /* bytes of a stream that may be under way at first */

enum message_type {
    MESSAGE_HELLO = 1, /* guest: JSON, once, first */
    MESSAGE_REQUEST,   /* host: JSON */
    MESSAGE_REPLY,     /* guest: JSON, one for each request, in order within a session */
    MESSAGE_DATA,      /* bytes of a stream */
    MESSAGE_END,       /* no more of this stream */
    MESSAGE_CREDIT,    /* uint32: so many more bytes of this stream may be sent */
    MESSAGE_EXIT,      /* guest: JSON, the session's process has ended and its output was sent */
    MESSAGE_TYPE_COUNT,
};

enum message_stream { STREAM_IN, STREAM_OUT, STREAM_ERR, STREAM_COUNT };

/* Little-endian. */
struct message_header {
    uint32_t bytes; /* of the payload */
    uint16_t type;
    uint16_t stream;  /* of MESSAGE_DATA, MESSAGE_END, MESSAGE_CREDIT; else 0 */
    uint32_t session; /* 0: the machine */
};

struct message {
    struct message_header header;
    const char *payload; /* borrowed until the next call */
};

/* Bytes that have come and are no whole message yet. Zeroed is empty. */
struct message_reader {
    struct strbuf pending;
    size_t taken; /* of `pending`, handed out */
};

void message_feed(struct message_reader *r, const void *bytes, size_t len);
/* 1 and a message; 0: more bytes are needed; -EPROTO. */
int message_next(struct message_reader *r, struct message *ret) NODISCARD;
void message_reader_done(struct message_reader *r);

void message_add(struct strbuf *out, enum message_type type, uint32_t session,
                 enum message_stream stream, const void *payload, size_t len);
