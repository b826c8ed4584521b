// SPDX-License-Identifier: Apache-2.0
#include "engine/attach.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

static int send_frame(int sock, enum frame_type type, const void *data, size_t len, int flags)
{
    uint8_t byte = (uint8_t)type;
    struct iovec iov[2] = {{&byte, 1}, {(void *)data, len}};
    struct msghdr m = {.msg_iov = iov, .msg_iovlen = len ? 2 : 1};
    ssize_t n;
    do {
        n = sendmsg(sock, &m, MSG_NOSIGNAL | flags);
    } while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : 0;
}

int frame_send(int sock, enum frame_type type, const void *data, size_t len)
{
    return send_frame(sock, type, data, len, 0);
}

int frame_send_now(int sock, enum frame_type type, const void *data, size_t len)
{
    return send_frame(sock, type, data, len, MSG_DONTWAIT);
}

int frame_receive(int sock, struct frame *ret)
{
    struct iovec iov[2] = {{&ret->type, 1}, {ret->data, FRAME_DATA_MAX}};
    struct msghdr m = {.msg_iov = iov, .msg_iovlen = 2};
    /* A peer that closes with frames of ours unread makes the kernel say ECONNRESET once, in front
     * of what the peer had sent: its last words are behind it. */
    bool reset = false, again;
    ssize_t n;
    do {
        n = recvmsg(sock, &m, MSG_CMSG_CLOEXEC);
        again = n < 0 && (errno == EINTR || (errno == ECONNRESET && !reset));
        reset |= n < 0 && errno == ECONNRESET;
    } while (again);
    if (n < 0) {
        return errno == ECONNRESET ? 0 : -errno;
    }
    if (n == 0 || (m.msg_flags & MSG_TRUNC)) {
        return 0;
    }
    ret->len = (size_t)n - 1;
    ret->data[ret->len] = '\0';
    return 1;
}

int frame_send_error(int sock, const struct error *e)
{
    CLEANUP(strbuf) struct strbuf b = {0};
    struct frame_error head = {(int32_t)e->kind, e->code};
    strbuf_add(&b, &head, sizeof(head));
    strbuf_add(&b, e->message, strlen(e->message) + 1);
    strbuf_add(&b, str_or(e->hint, ""), strlen(str_or(e->hint, "")) + 1);
    return frame_send(sock, FRAME_FAILED, b.data, b.len < FRAME_DATA_MAX ? b.len : FRAME_DATA_MAX);
}

int frame_to_error(const struct frame *f, struct error **err)
{
    struct frame_error head;
    if (f->len < sizeof(head)) {
        return error_set(err, ERROR_INTERNAL, EPROTO, "the monitor failed without a word");
    }
    memcpy(&head, f->data, sizeof(head));
    const char *message = (const char *)f->data + sizeof(head);
    size_t len = strnlen(message, f->len - sizeof(head));
    const char *hint = len < f->len - sizeof(head) ? message + len + 1 : "";
    bool known = head.kind >= 0 && head.kind < ERROR_KIND_COUNT;
    int r = error_set(err, known ? (enum error_kind)head.kind : ERROR_INTERNAL,
                      head.code > 0 ? head.code : EPROTO, "%s", message);
    return *hint ? error_hint(err, r, "%s", hint) : r;
}
