// SPDX-License-Identifier: Apache-2.0
#include "vmm/share/stream.h"

#include <errno.h>
#include <linux/fuse.h>
#include <poll.h>

#include "base/file.h"

enum { MESSAGE_MAX = (1 << 20) + 4096, RETRY_MS = 10 };

static char request[MESSAGE_MAX], reply[MESSAGE_MAX];

struct stream {
    int out, result;
};

/* The chain's writable part is `reply`, whole by now. */
static void push(void *context, unsigned queue, uint16_t head, uint32_t written)
{
    struct stream *s = context;
    (void)queue;
    (void)head;
    if (written > 0 && s->result == 0) {
        s->result = write_all(s->out, reply, written) < 0 ? -EPIPE : 0;
    }
}

static int serve_one(struct fs_session *session, int in)
{
    static struct virtq_chain chain;
    struct fuse_in_header *h = (struct fuse_in_header *)(void *)request;
    ssize_t n = read_all(in, request, sizeof(h->len));
    if (n <= 0) {
        return (int)n;
    }
    if (n != sizeof(h->len) || h->len < sizeof(*h) || h->len > sizeof(request)) {
        return -EPROTO;
    }
    uint32_t len = h->len;
    n = read_all(in, request + sizeof(len), len - sizeof(len));
    if (n != (ssize_t)(len - sizeof(len))) {
        return -EPROTO;
    }
    chain.count = 2;
    chain.readable_count = 1;
    chain.readable_bytes = len;
    chain.writable_bytes = sizeof(reply);
    chain.ranges[0] = (struct iovec){request, len};
    chain.ranges[1] = (struct iovec){reply, sizeof(reply)};
    int r = fs_session_serve(session, 1, &chain);
    return r < 0 ? r : 1;
}

int stream_serve(struct fs_session *session, int in, int out)
{
    struct stream s = {.out = out};
    bool waits = false;
    int r = 1;
    session->context = &s;
    session->push = push;
    while (r > 0) {
        struct pollfd p = {.fd = in, .events = POLLIN};
        int n = poll(&p, 1, waits ? RETRY_MS : -1);
        r = n > 0 ? serve_one(session, in) : 1;
        waits = fs_session_retry(session);
        r = s.result < 0 ? s.result : r;
    }
    return r;
}
