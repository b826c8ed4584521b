// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "wall/vm/relay.h"

struct session *relay_find_session(struct relay *r, uint32_t id)
{
    for (size_t i = 0; i < SESSIONS_MAX; i++) {
        if (r->sessions[i].id == id) {
            return &r->sessions[i];
        }
    }
    return NULL;
}

/* Keeps the descriptors. NULL: too many. */
struct session *relay_add_session(struct relay *r, uint32_t id, const struct wall_io *io)
{
    struct session *s = relay_find_session(r, 0);
    if (s) {
        *s = (struct session){
            .id = id, .in = io->in, .in_credit = STREAM_CREDIT_INITIAL, .client = -1};
        s->out = (struct outlet){.fd = io->out, .pending.max = STREAM_CREDIT_INITIAL};
        s->is_terminal = id != WORKLOAD && isatty(io->out);
        s->err = (struct outlet){.fd = io->err, .pending.max = STREAM_CREDIT_INITIAL};
    }
    return s;
}

bool outlet_is_waiting(const struct outlet *o)
{
    return o->pending.len > o->written;
}

/* Writes a piece, and gives the guest its room back. */
int relay_write_piece(struct relay *r, const struct session *s, struct outlet *o,
                      enum message_stream stream, struct error **err)
{
    size_t left = o->pending.len - o->written;
    size_t n = left < PIECE ? left : PIECE;
    ssize_t done = write(o->fd, o->pending.data + o->written, n);
    if (done < 0 && (errno == EAGAIN || errno == EINTR)) {
        return 0;
    }
    /* Nobody reads any more: it is dropped, as the host's kernel would have it written to no one.
     */
    o->written += done < 0 ? n : (size_t)done;
    uint32_t credit = (uint32_t)(done < 0 ? n : (size_t)done);
    if (!outlet_is_waiting(o)) {
        o->pending.len = o->written = 0;
    }
    return s->has_ended
               ? 0
               : link_send(&r->link, MESSAGE_CREDIT, s->id, stream, &credit, sizeof(credit), err);
}

int relay_read_input(struct relay *r, struct session *s, struct error **err)
{
    char bytes[PIECE];
    ssize_t n = read(s->in, bytes, s->in_credit < sizeof(bytes) ? s->in_credit : sizeof(bytes));
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return 0;
    }
    if (n <= 0) {
        s->in = -1;
        return link_send(&r->link, MESSAGE_END, s->id, STREAM_IN, NULL, 0, err);
    }
    s->in_credit -= (uint32_t)n;
    return link_send(&r->link, MESSAGE_DATA, s->id, STREAM_IN, bytes, (size_t)n, err);
}

static int take_data(struct outlet *o, const struct message *m, struct error **err)
{
    if (o->written > 0) {
        o->pending.len -= o->written;
        memmove(o->pending.data, o->pending.data + o->written, o->pending.len);
        o->written = 0;
    }
    strbuf_add(&o->pending, m->payload, m->header.bytes);
    return o->pending.overflow
               ? error_set(err, ERROR_CORRUPT, EPROTO, "the machine's agent sent more than it may")
               : 0;
}

static int take_exit(struct relay *r, struct session *s, const struct message *m,
                     struct error **err)
{
    CLEANUP(json) json_t *json = NULL;
    int64_t status = STATUS_LOST;
    bool oom = false;
    int result = json_parse(m->payload, m->header.bytes, "exit", &json, err);
    result = result < 0 ? result : json_get_i64(json, "status", "exit", 0, 255, &status, err);
    result = result < 0 ? result : json_get_bool(json, "oomKilled", "exit", &oom, err);
    s->has_ended = true;
    s->status = (int)status;
    r->oom_killed |= oom && s->id == WORKLOAD;
    return result < 0 ? result : 0;
}

int relay_take_message(void *context, const struct message *m, struct error **err)
{
    struct relay *r = context;
    struct session *s = m->header.session ? relay_find_session(r, m->header.session) : NULL;
    uint32_t credit;
    if (!s) {
        return 0; /* of an exec whose client is gone */
    }
    switch (m->header.type) {
    case MESSAGE_DATA:
        return take_data(m->header.stream == STREAM_ERR ? &s->err : &s->out, m, err);
    case MESSAGE_CREDIT:
        memcpy(&credit, m->payload, sizeof(credit));
        s->in_credit = credit < UINT32_MAX - s->in_credit ? s->in_credit + credit : UINT32_MAX;
        return 0;
    case MESSAGE_EXIT:
        return take_exit(r, s, m, err);
    default:
        return 0;
    }
}

/* Sessions all of whose output is out. True: the workload's was among them. */
bool relay_end_sessions(struct relay *r, int *ret_status)
{
    for (size_t i = 0; i < SESSIONS_MAX; i++) {
        struct session *s = &r->sessions[i];
        if (s->id == 0 || !s->has_ended || outlet_is_waiting(&s->out) ||
            outlet_is_waiting(&s->err)) {
            continue;
        }
        if (s->id == WORKLOAD) {
            *ret_status = s->status;
            return true;
        }
        if (s->client >= 0) {
            relay_answer(s->client, json_pack("{s:i}", "exit", s->status));
        }
        fd_close(s->in);
        fd_close(s->out.fd);
        fd_close(s->err.fd);
        strbuf_done(&s->out.pending);
        strbuf_done(&s->err.pending);
        *s = (struct session){0};
    }
    return false;
}
