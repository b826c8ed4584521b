// SPDX-License-Identifier: Apache-2.0
/* The points where parent and child wait for each other; see channel.h for the order. */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "wall/container/channel.h"
#include "wall/container/step.h"

/* The parent is gone: nobody is left to be told. */
static int await_go(struct apply *a, int *fds, size_t *fd_count)
{
    struct message m;
    int r = channel_receive(a->channel, &m, fds, fd_count);
    if (r < 0) {
        return r;
    }
    return m.kind == MESSAGE_GO ? 0 : -EPIPE;
}

STEP_DESCRIBE(await_parent)
{
    if (p->user_namespace) {
        describe_text(d, p->slot_count ? "the id maps and " : "the id maps");
    }
    if (p->slot_count) {
        describe_text(d, "%d mount%s from the parent", p->slot_count, p->slot_count > 1 ? "s" : "");
        describe_int(d, "mounts", p->slot_count);
    }
}

STEP_CHILD(await_parent)
{
    size_t have = 0, want = (size_t)a->plan->slot_count;
    do {
        size_t count = want - have;
        int r = await_go(a, a->slots + have, &count);
        if (r < 0) {
            return r;
        }
        if (want && count == 0) {
            return -EPROTO;
        }
        have += count;
    } while (have < want);
    return 0;
}

STEP_DESCRIBE(rendezvous)
{
    describe_text(d, "the hooks");
}

STEP_CHILD(rendezvous)
{
    int r = channel_say(a->channel, MESSAGE_RENDEZVOUS);
    return r < 0 ? r : await_go(a, NULL, NULL);
}

STEP_DESCRIBE(ready)
{
    describe_text(d, "start");
}

/* Takes the first to connect as the new parent: failures go there, and the end of file when the
 * program is executed. */
static int accept_starter(struct apply *a)
{
    int fd = accept4(a->start_listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    a->start_listener = fd_close(a->start_listener);
    fd_close(a->channel);
    a->channel = fd;
    return await_go(a, NULL, NULL);
}

STEP_CHILD(ready)
{
    int r = channel_say(a->channel, MESSAGE_READY);
    if (r < 0 || a->start_listener < 0) {
        return r < 0 ? r : await_go(a, NULL, NULL);
    }
    struct pollfd polled[2] = {{a->channel, POLLIN, 0}, {a->start_listener, POLLIN, 0}};
    for (;;) {
        if (poll(polled, 2, -1) < 0) {
            if (errno == EINTR) {
                continue;
            }
            return -errno;
        }
        if (polled[0].revents & POLLIN) {
            struct message m;
            r = channel_receive(a->channel, &m, NULL, NULL);
            if (r < 0 || m.kind == MESSAGE_GO) {
                return r;
            }
        }
        if (polled[0].revents) {
            polled[0].fd = -1; /* the creator is gone; another will start us */
        }
        if (polled[1].revents) {
            return accept_starter(a);
        }
    }
}
