// SPDX-License-Identifier: Apache-2.0
#include "guest/protocol.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

static_assert(sizeof(struct message_header) == 12, "docs/guest-protocol.md");

/* Whether a header may be: types with their sizes. */
static bool is_valid(const struct message_header *h)
{
    bool has_stream =
        h->type == MESSAGE_DATA || h->type == MESSAGE_END || h->type == MESSAGE_CREDIT;
    if (h->type == 0 || h->type >= MESSAGE_TYPE_COUNT || h->stream >= STREAM_COUNT ||
        (!has_stream && h->stream != 0)) {
        return false;
    }
    switch (h->type) {
    case MESSAGE_DATA:
        return h->bytes > 0 && h->bytes <= MESSAGE_DATA_MAX;
    case MESSAGE_END:
        return h->bytes == 0;
    case MESSAGE_CREDIT:
        return h->bytes == sizeof(uint32_t);
    default:
        return h->bytes <= MESSAGE_BYTES_MAX;
    }
}

void message_feed(struct message_reader *r, const void *bytes, size_t len)
{
    if (r->taken > 0) {
        r->pending.len -= r->taken;
        memmove(r->pending.data, r->pending.data + r->taken, r->pending.len);
        r->taken = 0;
    }
    strbuf_add(&r->pending, bytes, len);
}

int message_next(struct message_reader *r, struct message *ret)
{
    size_t left = r->pending.len - r->taken;
    const char *at = r->pending.data + r->taken;
    struct message_header *h = &ret->header;
    if (left < sizeof(*h)) {
        return 0;
    }
    memcpy(h, at, sizeof(*h));
    if (!is_valid(h)) {
        return -EPROTO;
    }
    if (left - sizeof(*h) < h->bytes) {
        return 0;
    }
    ret->payload = at + sizeof(*h);
    r->taken += sizeof(*h) + h->bytes;
    return 1;
}

void message_reader_done(struct message_reader *r)
{
    strbuf_done(&r->pending);
    r->taken = 0;
}

void message_add(struct strbuf *out, enum message_type type, uint32_t session,
                 enum message_stream stream, const void *payload, size_t len)
{
    struct message_header h = {.bytes = (uint32_t)len,
                               .type = (uint16_t)type,
                               .stream = (uint16_t)stream,
                               .session = session};
    assert(is_valid(&h));
    strbuf_add(out, &h, sizeof(h));
    if (len > 0) {
        strbuf_add(out, payload, len);
    }
}
