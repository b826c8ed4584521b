// SPDX-License-Identifier: Apache-2.0
#include "guest/agent/channel.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { QUEUE_COMFORTABLE = 256 * 1024, READ_BYTES = 64 * 1024 };

void channel_json(struct channel *c, enum message_type type, uint32_t session, json_t *take)
{
    char *text = json_dumps(take, JSON_COMPACT);
    message_add(&c->out, type, session, STREAM_IN, str_or(text, "{}"), strlen(str_or(text, "{}")));
    free(text);
    json_decref(take);
}

void channel_bytes(struct channel *c, uint32_t session, enum message_stream stream,
                   const void *bytes, size_t len)
{
    message_add(&c->out, MESSAGE_DATA, session, stream, bytes, len);
}

void channel_end(struct channel *c, uint32_t session, enum message_stream stream)
{
    message_add(&c->out, MESSAGE_END, session, stream, NULL, 0);
}

void channel_credit(struct channel *c, uint32_t session, uint32_t bytes)
{
    message_add(&c->out, MESSAGE_CREDIT, session, STREAM_IN, &bytes, sizeof(bytes));
}

bool channel_has_room(const struct channel *c)
{
    return c->out.len - c->sent < QUEUE_COMFORTABLE;
}

bool channel_wants_to_write(const struct channel *c)
{
    return c->sent < c->out.len;
}

int channel_flush(struct channel *c)
{
    while (c->sent < c->out.len) {
        ssize_t n = write(c->fd, c->out.data + c->sent, c->out.len - c->sent);
        if (n < 0) {
            return errno == EAGAIN || errno == EINTR ? 0 : -errno;
        }
        c->sent += (size_t)n;
    }
    c->out.len = c->sent = 0;
    return 0;
}

int channel_fill(struct channel *c)
{
    static char bytes[READ_BYTES];
    ssize_t n = read(c->fd, bytes, sizeof(bytes));
    if (n > 0) {
        message_feed(&c->in, bytes, (size_t)n);
    }
    return n > 0 ? 1 : n == 0 ? 0 : -errno;
}
