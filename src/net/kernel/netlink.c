// SPDX-License-Identifier: Apache-2.0
#include "net/kernel/netlink.h"

#include <errno.h>
#include <libnftnl/common.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>

#include "base/str.h"
#include "net/helper.h"

#define ANSWER_BYTES 32768 /* the kernel never sends more in one message */

/* Did our starter lend us its socket? A person who runs us has none, or something else, there. */
static bool is_lent(int bus)
{
    int domain = 0, protocol = -1;
    socklen_t len = sizeof(int);
    return bus == NETLINK_NETFILTER &&
           getsockopt(NET_HELPER_FIREWALL_FD, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 &&
           getsockopt(NET_HELPER_FIREWALL_FD, SOL_SOCKET, SO_PROTOCOL, &protocol, &len) == 0 &&
           domain == AF_NETLINK && protocol == bus;
}

static int use_socket(struct mnl_socket *s, int bus, struct netlink *ret, struct error **err)
{
    if (!s) {
        return error_set_errno(err, ERROR_UNSUPPORTED, errno, "%s",
                               bus == NETLINK_NETFILTER ? "this kernel has no nf_tables"
                                                        : "this kernel has no rtnetlink");
    }
    int on = 1;
    /* The kernel's own words in its answers, and the question left out of them: both only better
     * texts, so a kernel that has neither is no failure. */
    (void)mnl_socket_setsockopt(s, NETLINK_EXT_ACK, &on, sizeof(on));
    (void)mnl_socket_setsockopt(s, NETLINK_CAP_ACK, &on, sizeof(on));
    *ret = (struct netlink){s, bus}; /* sending will bind it */
    return 0;
}

int netlink_open(int bus, struct netlink *ret, struct error **err)
{
    return use_socket(is_lent(bus) ? mnl_socket_fdopen(NET_HELPER_FIREWALL_FD)
                                   : mnl_socket_open2(bus, SOCK_CLOEXEC),
                      bus, ret, err);
}

int netlink_open_here(int bus, struct netlink *ret, struct error **err)
{
    return use_socket(mnl_socket_open2(bus, SOCK_CLOEXEC), bus, ret, err);
}

void netlink_close(struct netlink *n)
{
    if (n->socket) {
        (void)mnl_socket_close(n->socket); /* nothing was written that could be lost */
    }
    n->socket = NULL;
}

static char *room(struct batch *b)
{
    if (b->capacity - b->len < 2 * BATCH_MESSAGE_ROOM) {
        b->capacity = 2 * b->capacity + 4 * BATCH_MESSAGE_ROOM;
        b->data = xrealloc(b->data, b->capacity);
    }
    return b->data + b->len;
}

void batch_begin(struct batch *b, bool transaction)
{
    *b = (struct batch){.transaction = transaction, .next_seq = 1};
    if (transaction) {
        b->len += nftnl_batch_begin(room(b), 0)->nlmsg_len;
    }
}

void batch_done(struct batch *b)
{
    free(b->data);
    free(b->entries);
    *b = (struct batch){0};
}

static struct nlmsghdr *last_message(const struct batch *b)
{
    return b->count ? (struct nlmsghdr *)(b->data + b->len) : NULL;
}

/* The message last added was filled behind our back: count it. */
static void settle(struct batch *b)
{
    struct nlmsghdr *last = last_message(b);
    if (last) {
        b->len += MNL_ALIGN(last->nlmsg_len);
    }
}

struct nlmsghdr *batch_add(struct batch *b, uint16_t type, uint16_t flags, const char *what,
                           int tolerated)
{
    settle(b);
    b->entries = xrealloc(b->entries, (b->count + 1) * sizeof(*b->entries));
    b->entries[b->count++] = (struct batch_entry){b->next_seq, what, tolerated};
    struct nlmsghdr *m = mnl_nlmsg_put_header(room(b));
    m->nlmsg_type = type;
    m->nlmsg_flags = flags | NLM_F_REQUEST;
    m->nlmsg_seq = b->next_seq++;
    return m;
}

/* The text that the kernel put beside an error number (NLMSGERR_ATTR_MSG), or NULL. */
static const char *kernel_words(const struct nlmsghdr *m)
{
    if (!(m->nlmsg_flags & NLM_F_ACK_TLVS)) {
        return NULL;
    }
    const struct nlmsgerr *e = mnl_nlmsg_get_payload(m);
    size_t offset = sizeof(*e);
    if (!(m->nlmsg_flags & NLM_F_CAPPED)) {
        offset += e->msg.nlmsg_len - sizeof(struct nlmsghdr);
    }
    const struct nlattr *a;
    mnl_attr_for_each(a, m, offset)
    {
        if (mnl_attr_get_type(a) == NLMSGERR_ATTR_MSG &&
            mnl_attr_validate(a, MNL_TYPE_NUL_STRING) >= 0) {
            return mnl_attr_get_str(a);
        }
    }
    return NULL;
}

static const struct batch_entry *entry_of(const struct batch *b, uint32_t seq)
{
    for (size_t i = 0; i < b->count; i++) {
        if (b->entries[i].seq == seq) {
            return &b->entries[i];
        }
    }
    return NULL;
}

static int tell(const struct netlink *n, const struct batch_entry *entry, int code,
                const char *words, struct error **err)
{
    const char *what = entry                         ? entry->what
                       : n->bus == NETLINK_NETFILTER ? "changing the firewall's tables"
                                                     : "talking to the kernel";
    enum error_kind kind = code == EPERM || code == EACCES ? ERROR_DENIED
                           : code == EOPNOTSUPP            ? ERROR_UNSUPPORTED
                                                           : ERROR_KERNEL;
    if (words && words[0]) {
        return error_set(err, kind, code, "%s: %s (%s)", what, strerror(code), words);
    }
    return error_set_errno(err, kind, code, "%s", what);
}

/* One answer. 1: the last of a dump. */
static int take_answer(const struct netlink *n, const struct batch *b, const struct nlmsghdr *m,
                       batch_answer answer, void *context, struct error **err)
{
    if (m->nlmsg_type == NLMSG_DONE) {
        return 1;
    }
    if (m->nlmsg_type != NLMSG_ERROR) {
        if (answer) {
            answer(m, context);
        }
        return 0;
    }
    const struct nlmsgerr *e = mnl_nlmsg_get_payload(m);
    const struct batch_entry *entry = entry_of(b, m->nlmsg_seq);
    if (e->error == 0 || (entry && entry->tolerated == -e->error)) {
        return 0;
    }
    return tell(n, entry, -e->error, kernel_words(m), err);
}

const void *batch_finish(struct batch *b, size_t *ret_len)
{
    struct nlmsghdr *last = last_message(b);
    if (last) {
        last->nlmsg_flags |= NLM_F_ACK; /* its answer tells that all were read */
    }
    settle(b);
    if (b->transaction) {
        b->len += nftnl_batch_end(room(b), b->next_seq)->nlmsg_len;
    }
    *ret_len = b->len;
    return b->data;
}

static int send_all(struct netlink *n, struct batch *b, struct error **err)
{
    size_t len;
    (void)batch_finish(b, &len);
    int size = (int)len;
    if (len > 65536) { /* past the default the kernel would refuse it */
        (void)mnl_socket_setsockopt(n->socket, SO_SNDBUF, &size, sizeof(size));
    }
    if (mnl_socket_sendto(n->socket, b->data, len) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "sending to netlink");
    }
    return 0;
}

/* Reads what lies ready, or until a dump's end. */
static int receive_all(struct netlink *n, const struct batch *b, bool dump, batch_answer answer,
                       void *context, struct error **err)
{
    CLEANUP(free) char *buffer = xmalloc(ANSWER_BYTES);
    int first = 0;
    bool done = false;
    while (!done) {
        ssize_t len =
            recv(mnl_socket_get_fd(n->socket), buffer, ANSWER_BYTES, dump ? 0 : MSG_DONTWAIT);
        if (len < 0 && errno == EINTR) {
            continue;
        }
        if (len < 0 && errno == EAGAIN) {
            break;
        }
        if (len <= 0) {
            int code = len < 0 ? errno : EIO;
            return first < 0 ? first
                             : error_set_errno(err, ERROR_KERNEL, code, "reading from netlink");
        }
        int left = (int)len;
        for (const struct nlmsghdr *m = (void *)buffer; mnl_nlmsg_ok(m, left);
             m = mnl_nlmsg_next(m, &left)) {
            int r = take_answer(n, b, m, answer, context, first < 0 ? NULL : err);
            first = r < 0 && first == 0 ? r : first;
            done |= r == 1 || (dump && r < 0);
        }
    }
    return first;
}

int batch_run(struct netlink *n, struct batch *b, batch_answer answer, void *context,
              struct error **err)
{
    int r = send_all(n, b, err);
    return r < 0 ? r : receive_all(n, b, false, answer, context, err);
}

int netlink_dump(struct netlink *n, struct batch *b, batch_answer answer, void *context,
                 struct error **err)
{
    int r = send_all(n, b, err);
    return r < 0 ? r : receive_all(n, b, true, answer, context, err);
}
