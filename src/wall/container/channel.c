// SPDX-License-Identifier: Apache-2.0
#include "wall/container/channel.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/file.h"

int channel_pair(int ret_ends[2])
{
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret_ends) < 0 ? -errno : 0;
}

int channel_send(int channel, const struct message *m, const int *fds, size_t fd_count)
{
    ssize_t n = send_fds(channel, m, sizeof(*m), fds, fd_count);
    return n < 0 ? (int)n : 0;
}

int channel_say(int channel, enum message_kind kind)
{
    const struct message m = {.kind = kind};
    return channel_send(channel, &m, NULL, 0);
}

int channel_receive(int channel, struct message *ret, int *fds, size_t *fd_count)
{
    size_t none = 0;
    ssize_t n = recv_fds(channel, ret, sizeof(*ret), fds, fd_count ? fd_count : &none);
    if (n == -ECONNRESET) {
        n = 0; /* the peer is gone with a message of ours unread */
    }
    if (n < 0) {
        return (int)n;
    }
    if (n == 0) {
        *ret = (struct message){.kind = MESSAGE_EXECED};
        return 0;
    }
    return (size_t)n == sizeof(*ret) ? 0 : -EPROTO;
}
