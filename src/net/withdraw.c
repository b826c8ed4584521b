// SPDX-License-Identifier: Apache-2.0
#include "net/withdraw.h"

#include <errno.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>

#include "net/helper.h"

/* 0; or what the first answer that tells of a failure tells. */
static int read_answers(const char *buffer, size_t len)
{
    size_t at = 0;
    while (at + NLMSG_HDRLEN + sizeof(struct nlmsgerr) <= len) {
        struct nlmsghdr head;
        struct nlmsgerr answer;
        memcpy(&head, buffer + at, sizeof(head));
        memcpy(&answer, buffer + at + NLMSG_HDRLEN, sizeof(answer));
        if (head.nlmsg_type != NLMSG_ERROR || head.nlmsg_len < NLMSG_HDRLEN) {
            return -EIO;
        }
        if (answer.error != 0) {
            return answer.error;
        }
        at += NLMSG_ALIGN(head.nlmsg_len);
    }
    return 0;
}

/* The kernel has handled all when send() returns, and its answers lie ready. */
int net_withdraw(const struct net_attachment *a)
{
    char buffer[4096];
    int sock = net_helper_firewall(), r = 0;
    while (recv(sock, buffer, sizeof(buffer), MSG_DONTWAIT) > 0) { /* of a helper that was killed */
    }
    if (send(sock, a->withdrawal, a->withdrawal_len, 0) < 0) {
        return -errno;
    }
    bool answered = false;
    for (;;) {
        ssize_t len = recv(sock, buffer, sizeof(buffer), MSG_DONTWAIT);
        if (len <= 0) {
            return r < 0 ? r : answered ? 0 : -EIO;
        }
        answered = true;
        r = r < 0 ? r : read_answers(buffer, (size_t)len);
    }
}
