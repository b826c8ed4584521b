// SPDX-License-Identifier: Apache-2.0
#include "vmm/devices/net_stream.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/macros.h"
#include "vmm/devices/virtqueue.h"

/* -errno, or 0: all of them are there. */
static int read_up_to(struct net_stream *s, uint8_t *to, size_t done, size_t len)
{
    while (done < len) {
        ssize_t n = read(s->fd, to + done, len - done);
        if (n <= 0) {
            return n < 0 ? -errno : -EPIPE;
        }
        done += (size_t)n;
        s->in_bytes += (size_t)n;
    }
    return 0;
}

ssize_t net_stream_read(struct net_stream *s, uint8_t *to)
{
    uint32_t len;
    int r = s->in_bytes < STREAM_LENGTH_BYTES
                ? read_up_to(s, s->in_length, s->in_bytes, STREAM_LENGTH_BYTES)
                : 0;
    if (r < 0) {
        return r;
    }
    memcpy(&len, s->in_length, sizeof(len));
    len = ntohl(len);
    if (len < STREAM_FRAME_MIN || len > STREAM_FRAME_MAX) {
        return -EPROTO;
    }
    r = read_up_to(s, to, s->in_bytes - STREAM_LENGTH_BYTES, len);
    if (r < 0) {
        return r;
    }
    s->in_bytes = 0;
    return (ssize_t)len;
}

/* What was not sent, behind `sent` bytes. */
static void keep(struct net_stream *s, const struct iovec *ranges, unsigned count, size_t sent)
{
    s->out_bytes = s->out_done = 0;
    for (unsigned i = 0; i < count; i++) {
        size_t skip = sent < ranges[i].iov_len ? sent : ranges[i].iov_len;
        size_t len = ranges[i].iov_len - skip;
        memcpy(s->out + s->out_bytes, (const uint8_t *)ranges[i].iov_base + skip, len);
        s->out_bytes += len;
        sent -= skip;
    }
}

void net_stream_send(struct net_stream *s, const struct iovec *ranges, unsigned count, size_t len)
{
    uint32_t length = htonl((uint32_t)len);
    struct iovec all[VIRTQ_CHAIN_MAX + 1] = {{&length, sizeof(length)}};
    assert(!net_stream_is_full(s) && count <= VIRTQ_CHAIN_MAX);
    if (len < STREAM_FRAME_MIN || len > STREAM_FRAME_MAX) {
        return;
    }
    memcpy(all + 1, ranges, count * sizeof(*ranges));
    ssize_t n = writev(s->fd, all, (int)count + 1);
    if (n >= 0 || errno == EAGAIN) { /* else the other side is gone: nobody misses it */
        keep(s, all, count + 1, n < 0 ? 0 : (size_t)n);
    }
}

bool net_stream_is_full(const struct net_stream *s)
{
    return s->out_done < s->out_bytes;
}

void net_stream_flush(struct net_stream *s)
{
    ssize_t n = 0;
    while (net_stream_is_full(s) && n >= 0) {
        n = write(s->fd, s->out + s->out_done, s->out_bytes - s->out_done);
        s->out_done += n > 0 ? (size_t)n : 0;
    }
    if (n < 0 && errno != EAGAIN) {
        s->out_done = s->out_bytes; /* gone: likewise */
    }
}
