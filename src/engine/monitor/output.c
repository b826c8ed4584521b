// SPDX-License-Identifier: Apache-2.0
/* The workload's output: read in pieces, cut into lines for the log, sent as it is to the clients.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>

#include "engine/monitor/monitor.h"

static char buffer[FRAME_DATA_MAX];

static void log_piece(struct monitor *m, struct stream *s, const char *bytes, size_t len,
                      bool whole)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (s->partial.len == 0) {
        log_add(&m->log, s->name, &now, bytes, len, whole);
        return;
    }
    strbuf_add(&s->partial, bytes, len);
    log_add(&m->log, s->name, &s->partial_since, s->partial.data, s->partial.len, whole);
    strbuf_done(&s->partial);
    s->partial = (struct strbuf){0};
}

static void keep_partial(struct stream *s, const char *bytes, size_t len)
{
    if (s->partial.len == 0) {
        (void)clock_gettime(CLOCK_REALTIME, &s->partial_since);
    }
    strbuf_add(&s->partial, bytes, len);
}

/* Lines past LOG_LINE_MAX are cut there. */
static void log_bytes(struct monitor *m, struct stream *s, const char *bytes, size_t len)
{
    while (len) {
        size_t room = LOG_LINE_MAX - s->partial.len;
        const char *newline = memchr(bytes, '\n', len < room ? len : room);
        if (newline) {
            size_t n = (size_t)(newline - bytes);
            log_piece(m, s, bytes, n, true);
            bytes += n + 1;
            len -= n + 1;
        } else if (len >= room) {
            log_piece(m, s, bytes, room, false);
            bytes += room;
            len -= room;
        } else {
            keep_partial(s, bytes, len);
            return;
        }
    }
}

static void end(struct monitor *m, struct stream *s)
{
    if (s->partial.len) {
        log_piece(m, s, "", 0, false);
    }
    source_remove(m, &s->source);
    s->ended = true;
}

/* Reads once: 1 when there may be more, 0 when there is none now, -1 at the end. */
static int read_once(struct monitor *m, struct stream *s)
{
    ssize_t n = read(s->source.fd, buffer, sizeof(buffer));
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return 0;
    }
    if (n <= 0) { /* a terminal whose last user is gone answers EIO */
        end(m, s);
        return -1;
    }
    if (m->log.path) {
        log_bytes(m, s, buffer, (size_t)n);
    }
    monitor_clients_output(m, s->frame, buffer, (size_t)n);
    return 1;
}

static void output_ready(struct monitor *m, struct source *source, uint32_t events)
{
    struct stream *s = source == &m->out.source ? &m->out : &m->err;
    if (!monitor_clients_stuck(m)) {
        IGNORE(read_once(m, s) < 0); /* the end is noted in the stream */
    }
}

void monitor_output_add(struct monitor *m, struct stream *s, int fd, const char *name,
                        enum frame_type frame)
{
    int flags = fcntl(fd, F_GETFL);
    (void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    strbuf_done(&s->partial);
    *s = (struct stream){.name = name, .frame = frame};
    source_add(m, &s->source, fd, EPOLLIN, output_ready);
}

void monitor_output_pause(struct monitor *m, bool paused)
{
    source_want(m, &m->out.source, paused ? 0 : EPOLLIN);
    source_want(m, &m->err.source, paused ? 0 : EPOLLIN);
}

static bool drain(struct monitor *m, struct stream *s)
{
    while (s->source.fd >= 0 && !monitor_clients_stuck(m)) {
        if (read_once(m, s) == 0) { /* somebody holds the other end: not of this container's end */
            end(m, s);
        }
    }
    return s->source.fd < 0;
}

bool monitor_output_drain(struct monitor *m)
{
    bool out = drain(m, &m->out), err = drain(m, &m->err);
    log_flush(&m->log);
    return out && err && !monitor_clients_stuck(m);
}
