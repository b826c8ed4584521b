// SPDX-License-Identifier: Apache-2.0
/* Frames over a stream socket, as passt and QEMU's "stream" network speak: each with its length
 * before it, 32 bits, big-endian. Files: the one descriptor, borrowed, non-blocking.
 *
 * It reads no further than the frame it is at, so that a level-triggered wait tells of the next.
 * What the socket has no room for is kept, one frame of it; until net_stream_flush() has sent that,
 * net_stream_is_full() and nothing may be sent. Spec: passt(1) --socket. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

enum {
    STREAM_LENGTH_BYTES = 4,
    STREAM_FRAME_MIN = 14, /* an Ethernet header */
    STREAM_FRAME_MAX = 65535,
};

struct net_stream {
    int fd;
    size_t in_bytes; /* of length and frame, read so far */
    uint8_t in_length[STREAM_LENGTH_BYTES];
    size_t out_bytes, out_done;
    uint8_t out[STREAM_LENGTH_BYTES + STREAM_FRAME_MAX];
};

/* Goes on reading a frame into `to`, the same at each call, which has STREAM_FRAME_MAX bytes. Its
 * length, or -EAGAIN, or another -errno: there will be no more, or the other side keeps no rule. */
ssize_t net_stream_read(struct net_stream *s, uint8_t *to);
/* A frame of `len` bytes in these ranges; one of no valid length is dropped, as on any wire. */
void net_stream_send(struct net_stream *s, const struct iovec *ranges, unsigned count, size_t len);
bool net_stream_is_full(const struct net_stream *s);
void net_stream_flush(struct net_stream *s);
