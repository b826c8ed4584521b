// SPDX-License-Identifier: Apache-2.0
/* A session: one process of the workload as the host sees it, with its streams and its end.
 *
 * Output is read as far as the host's credit and the channel's queue allow; input is written as the
 * process takes it, and its room given back as credit. A session lives from its request to its
 * MESSAGE_EXIT, which follows all of its output.
 *
 * States: empty → open (session_open) → running (session_running) → ended (session_reaped) → empty
 * (told by session_tell_end, once the output is drained). */
#pragma once

#include <poll.h>
#include <sys/types.h>

#include "guest/agent/channel.h"
#include "wall/wall.h"

#define SESSIONS_MAX 256

struct session_stream {
    int fd;
    uint32_t credit;
};

struct session {
    uint32_t id; /* 0: this slot is empty */
    pid_t pid;   /* 0: not yet, or no more */
    bool has_ended, is_terminal;
    int status;
    int in; /* -1: closed; with a terminal the same as out.fd */
    bool in_ends;
    struct strbuf in_pending;
    size_t in_written;
    struct session_stream out, err;
    struct wall_io ends; /* the process's ends of the pipes, until it has them */
};

struct sessions {
    struct session slots[SESSIONS_MAX];
};

struct session *session_find(struct sessions *all, uint32_t id);
/* A new one with pipes (or none, for a terminal); ERROR_EXISTS, ERROR_BUSY. */
int session_open(struct sessions *all, uint32_t id, bool is_terminal, struct session **ret,
                 struct error **err) NODISCARD;
/* The wall's `console` callback: keeps the master. */
void session_console(void *context, int master);
/* The process has its ends: ours are closed. */
void session_running(struct session *s, pid_t pid);
void session_close(struct session *s); /* forgets it, whatever its state */

/* From the host. -EPROTO: it sent more than it may. */
int session_input(struct session *s, const void *bytes, size_t len) NODISCARD;
void session_input_ends(struct session *s);
void session_credit(struct session *s, enum message_stream stream, uint32_t bytes);
void session_resize(const struct session *s, uint16_t rows, uint16_t columns);

/* The loop's: what to wait for (up to three entries), and what to do after. */
unsigned session_poll(const struct session *s, bool channel_has_room, struct pollfd *ret);
void session_serve(struct session *s, struct channel *c);
/* Reads what a process that has ended left, then says that it did. True: it is told, and empty. */
bool session_tell_end(struct session *s, struct channel *c, bool oom_killed);
