// SPDX-License-Identifier: Apache-2.0
#include "guest/agent/session.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/file.h"

struct session *session_find(struct sessions *all, uint32_t id)
{
    for (size_t i = 0; id != 0 && i < SESSIONS_MAX; i++) {
        if (all->slots[i].id == id) {
            return &all->slots[i];
        }
    }
    return NULL;
}

static struct session *find_empty(struct sessions *all)
{
    for (size_t i = 0; i < SESSIONS_MAX; i++) {
        if (all->slots[i].id == 0) {
            return &all->slots[i];
        }
    }
    return NULL;
}

/* A pipe one end of which is ours, and does not block. */
static int make_pipe(int *ours, int *theirs, bool we_write, struct error **err)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) {
        return error_set_errno(err, ERROR_KERNEL, errno, "a pipe");
    }
    *ours = ends[we_write ? 1 : 0];
    *theirs = ends[we_write ? 0 : 1];
    (void)fcntl(*ours, F_SETFL, O_NONBLOCK); /* a pipe of ours: cannot fail */
    return 0;
}

int session_open(struct sessions *all, uint32_t id, bool is_terminal, struct session **ret,
                 struct error **err)
{
    struct session *s = find_empty(all);
    if (id == 0 || session_find(all, id)) {
        return error_set(err, ERROR_EXISTS, 0, "session %u exists", id);
    }
    if (!s) {
        return error_set(err, ERROR_BUSY, 0, "more than %d sessions", SESSIONS_MAX);
    }
    *s = (struct session){.id = id, .is_terminal = is_terminal, .in = -1, .ends = {-1, -1, -1}};
    s->out = (struct session_stream){.fd = -1, .credit = STREAM_CREDIT_INITIAL};
    s->err = s->out;
    s->in_pending.max = STREAM_CREDIT_INITIAL;
    int r = 0;
    if (!is_terminal) {
        r = make_pipe(&s->in, &s->ends.in, true, err);
        r = r < 0 ? r : make_pipe(&s->out.fd, &s->ends.out, false, err);
        r = r < 0 ? r : make_pipe(&s->err.fd, &s->ends.err, false, err);
    }
    if (r < 0) {
        session_close(s);
        return r;
    }
    *ret = s;
    return 0;
}

void session_console(void *context, int master)
{
    struct session *s = context;
    s->in = s->out.fd = master;
    (void)fcntl(master, F_SETFL, O_RDWR | O_NONBLOCK); /* a terminal of ours: cannot fail */
}

static void close_ends(struct session *s)
{
    s->ends.in = fd_close(s->ends.in);
    s->ends.out = fd_close(s->ends.out);
    s->ends.err = fd_close(s->ends.err);
}

void session_running(struct session *s, pid_t pid)
{
    s->pid = pid;
    close_ends(s);
}

static void close_input(struct session *s)
{
    if (!s->is_terminal) {
        fd_close(s->in);
    }
    s->in = -1;
    strbuf_done(&s->in_pending);
    s->in_written = 0;
}

void session_close(struct session *s)
{
    close_ends(s);
    close_input(s);
    fd_close(s->out.fd);
    fd_close(s->err.fd);
    *s = (struct session){0};
}

/* --- input ---------------------------------------------------------------------------------------
 */

int session_input(struct session *s, const void *bytes, size_t len)
{
    if (s->in < 0 || s->in_ends) {
        return 0; /* nobody reads it any more */
    }
    if (s->in_written > 0) {
        s->in_pending.len -= s->in_written;
        memmove(s->in_pending.data, s->in_pending.data + s->in_written, s->in_pending.len);
        s->in_written = 0;
    }
    strbuf_add(&s->in_pending, bytes, len);
    return s->in_pending.overflow ? -EPROTO : 0;
}

void session_input_ends(struct session *s)
{
    s->in_ends = true;
    if (s->in_pending.len == s->in_written && !s->is_terminal) {
        close_input(s);
    }
}

static void write_input(struct session *s, struct channel *c)
{
    size_t left = s->in_pending.len - s->in_written;
    if (s->in < 0 || left == 0) {
        return;
    }
    ssize_t n = write(s->in, s->in_pending.data + s->in_written, left);
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        close_input(s); /* EPIPE: it has closed its input */
        return;
    }
    if (n > 0) {
        s->in_written += (size_t)n;
        channel_credit(c, s->id, (uint32_t)n);
    }
    if (s->in_ends) {
        session_input_ends(s);
    }
}

void session_credit(struct session *s, enum message_stream stream, uint32_t bytes)
{
    struct session_stream *t = stream == STREAM_ERR ? &s->err : &s->out;
    t->credit = bytes < UINT32_MAX - t->credit ? t->credit + bytes : UINT32_MAX;
}

void session_resize(const struct session *s, uint16_t rows, uint16_t columns)
{
    struct winsize size = {.ws_row = rows, .ws_col = columns};
    if (s->is_terminal && s->out.fd >= 0) {
        (void)ioctl(s->out.fd, TIOCSWINSZ, &size); /* it may just have ended */
    }
}

/* --- output --------------------------------------------------------------------------------------
 */

/* Passes on what there is, within the credit. True: something came. */
static bool read_output(struct session *s, struct session_stream *t, enum message_stream stream,
                        struct channel *c)
{
    char bytes[MESSAGE_DATA_MAX];
    if (t->fd < 0 || t->credit == 0 || !channel_has_room(c)) {
        return false;
    }
    size_t want = t->credit < sizeof(bytes) ? t->credit : sizeof(bytes);
    ssize_t n = read(t->fd, bytes, want);
    if (n > 0) {
        t->credit -= (uint32_t)n;
        channel_bytes(c, s->id, stream, bytes, (size_t)n);
        return true;
    }
    if (n == 0 ||
        (errno != EAGAIN && errno != EINTR)) { /* EIO: the terminal's last process ended */
        if (s->in == t->fd) {
            s->in = -1;
        }
        t->fd = fd_close(t->fd);
        channel_end(c, s->id, stream);
    }
    return false;
}

unsigned session_poll(const struct session *s, bool channel_has_room, struct pollfd *ret)
{
    unsigned count = 0;
    const struct session_stream *outputs[] = {&s->out, &s->err};
    if (s->pid == 0 && !s->has_ended) {
        return 0;
    }
    if (s->in >= 0 && s->in_pending.len > s->in_written) {
        ret[count++] = (struct pollfd){.fd = s->in, .events = POLLOUT};
    }
    for (size_t i = 0; i < ARRAY_SIZE(outputs); i++) {
        if (outputs[i]->fd >= 0 && outputs[i]->credit > 0 && channel_has_room) {
            ret[count++] = (struct pollfd){.fd = outputs[i]->fd, .events = POLLIN};
        }
    }
    return count;
}

void session_serve(struct session *s, struct channel *c)
{
    if (s->id == 0 || (s->pid == 0 && !s->has_ended)) {
        return;
    }
    write_input(s, c);
    (void)read_output(s, &s->out, STREAM_OUT, c); /* one piece each: others wait too */
    (void)read_output(s, &s->err, STREAM_ERR, c);
}

/* Whether something that was written before the end may still be in a pipe. */
static bool has_more(const struct session_stream *t)
{
    struct pollfd p = {.fd = t->fd, .events = POLLIN};
    return t->fd >= 0 && poll(&p, 1, 0) > 0 && (p.revents & POLLIN);
}

bool session_tell_end(struct session *s, struct channel *c, bool oom_killed)
{
    if (!s->has_ended) {
        return false;
    }
    while (read_output(s, &s->out, STREAM_OUT, c) || read_output(s, &s->err, STREAM_ERR, c)) {
    }
    if (has_more(&s->out) || has_more(&s->err)) {
        return false; /* the host reads slowly: the loop goes on */
    }
    channel_json(c, MESSAGE_EXIT, s->id,
                 json_pack("{s:i, s:b}", "status", s->status, "oomKilled", oom_killed));
    session_close(s);
    return true;
}
