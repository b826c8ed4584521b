// SPDX-License-Identifier: Apache-2.0
#include "wall/vm/guest_link.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#include "base/error_json.h"
#include "base/file.h"
#include "base/json.h"

enum { READ_BYTES = 64 * 1024 };

static int64_t now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t); /* a constant clock: cannot fail */
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int broken(struct error **err, const char *how)
{
    return error_set(err, ERROR_CORRUPT, EPROTO, "the machine's agent broke the protocol: %s", how);
}

static int gone(struct error **err)
{
    return error_set(err, ERROR_KERNEL, EPIPE, "the machine has ended");
}

/* Reads once. 1, 0 at the end, -EAGAIN without an error. */
static int fill(struct guest_link *l, struct error **err)
{
    char bytes[READ_BYTES];
    ssize_t n = read(l->fd, bytes, sizeof(bytes));
    if (n > 0) {
        message_feed(&l->in, bytes, (size_t)n);
        return 1;
    }
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return -EAGAIN;
    }
    return n == 0 || errno == ECONNRESET
               ? 0
               : error_set_errno(err, ERROR_KERNEL, errno, "reading from the machine");
}

/* Waits for more bytes until `end`. */
static int wait_for_bytes(struct guest_link *l, int64_t end, const char *what, struct error **err)
{
    for (;;) {
        int64_t left = end - now_ms();
        struct pollfd p = {.fd = l->fd, .events = POLLIN};
        if (left <= 0) {
            return error_set(err, ERROR_KERNEL, ETIMEDOUT, "the machine did not %s in time", what);
        }
        (void)poll(&p, 1, (int)left); /* whatever it says: we read and see */
        int r = fill(l, err);
        if (r != -EAGAIN) {
            return r == 0 ? gone(err) : r;
        }
    }
}

/* The next message of the wanted type and session; others go to the callback. */
static int await(struct guest_link *l, enum message_type type, uint32_t session, int timeout_ms,
                 const char *what, struct message *ret, struct error **err)
{
    int64_t end = now_ms() + timeout_ms;
    for (;;) {
        int r = message_next(&l->in, ret);
        if (r < 0) {
            return broken(err, "a malformed message");
        }
        if (r == 0) {
            r = wait_for_bytes(l, end, what, err);
        } else if (ret->header.type == type && ret->header.session == session) {
            return 0;
        } else if (ret->header.type <= MESSAGE_REPLY) {
            r = broken(err, "an answer that nobody asked for");
        } else {
            r = l->receive ? l->receive(l->context, ret, err) : 0;
        }
        if (r < 0) {
            return r;
        }
    }
}

int link_hello(struct guest_link *l, int timeout_ms, json_t **ret, struct error **err)
{
    CLEANUP(json) json_t *hello = NULL;
    struct message f;
    int64_t version = 0;
    int r = await(l, MESSAGE_HELLO, 0, timeout_ms, "start", &f, err);
    r = r < 0 ? r : json_parse(f.payload, f.header.bytes, "hello", &hello, err);
    r = r < 0 ? r : json_get_i64(hello, "version", "hello", 0, UINT32_MAX, &version, err);
    if (r >= 0 && version != GUEST_PROTOCOL_VERSION) {
        r = error_set(err, ERROR_UNSUPPORTED, 0,
                      "the machine's agent speaks version %lld of the protocol, not %d",
                      (long long)version, GUEST_PROTOCOL_VERSION);
    }
    if (r >= 0 && ret) {
        *ret = take_ptr(hello);
    }
    return r < 0 ? r : 0;
}

int link_send(struct guest_link *l, enum message_type type, uint32_t session,
              enum message_stream stream, const void *payload, size_t len, struct error **err)
{
    CLEANUP(strbuf) struct strbuf out = {0};
    size_t sent = 0;
    message_add(&out, type, session, stream, payload, len);
    while (sent < out.len) {
        ssize_t n = write(l->fd, out.data + sent, out.len - sent);
        if (n < 0 && errno == EAGAIN) {
            struct pollfd p = {.fd = l->fd, .events = POLLOUT};
            if (poll(&p, 1, LINK_ROOM_MS) == 0) {
                return error_set(err, ERROR_KERNEL, ETIMEDOUT, "the machine takes nothing in");
            }
        } else if (n < 0 && errno != EINTR) {
            return errno == EPIPE ? gone(err)
                                  : error_set_errno(err, ERROR_KERNEL, errno, "writing");
        }
        sent += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

/* The guest's error becomes ours; its text is made harmless when it is printed. */
static int reply_error(const json_t *reply, struct error **err)
{
    json_t *e = NULL;
    int r = json_get_object(reply, "error", "reply", &e, err);
    return r <= 0 ? r : error_from_object(e, "reply", err);
}

int link_ask(struct guest_link *l, uint32_t session, const char *name, json_t *fields_take,
             struct error **err)
{
    CLEANUP(json) json_t *request = fields_take ? fields_take : json_object();
    (void)json_object_set_new(request, "request", json_string(name));
    CLEANUP(free) char *text = json_dumps(request, JSON_COMPACT);
    return link_send(l, MESSAGE_REQUEST, session, STREAM_IN, text, strlen(text), err);
}

int link_answer(struct guest_link *l, uint32_t session, int timeout_ms, json_t **ret,
                struct error **err)
{
    CLEANUP(json) json_t *reply = NULL;
    struct message f;
    int r = await(l, MESSAGE_REPLY, session, timeout_ms, "answer", &f, err);
    r = r < 0 ? r : json_parse(f.payload, f.header.bytes, "reply", &reply, err);
    if (r >= 0 && !json_is_object(reply)) {
        r = broken(err, "a reply that is no object");
    }
    r = r < 0 ? r : reply_error(reply, err);
    if (r >= 0 && ret) {
        *ret = take_ptr(reply);
    }
    return r < 0 ? r : 0;
}

int link_request(struct guest_link *l, uint32_t session, const char *name, json_t *fields_take,
                 int timeout_ms, json_t **ret, struct error **err)
{
    int r = link_ask(l, session, name, fields_take, err);
    return r < 0 ? r : link_answer(l, session, timeout_ms, ret, err);
}

int link_drain(struct guest_link *l, struct error **err)
{
    struct message f;
    int r;
    while ((r = message_next(&l->in, &f)) > 0) {
        r = f.header.type <= MESSAGE_REPLY ? broken(err, "an answer that nobody asked for")
            : l->receive                   ? l->receive(l->context, &f, err)
                                           : 0;
        if (r < 0) {
            return r;
        }
    }
    return r < 0 ? broken(err, "a malformed message") : 0;
}

int link_take_in(struct guest_link *l, struct error **err)
{
    int left = fill(l, err);
    if (left < 0) {
        return left == -EAGAIN ? 1 : left;
    }
    int r = link_drain(l, err);
    return r < 0 ? r : left;
}

void link_done(struct guest_link *l)
{
    message_reader_done(&l->in);
}
