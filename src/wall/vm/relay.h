// SPDX-License-Identifier: Apache-2.0
/* The relay's own: what its parts share.
 *
 *     relay.c          the loop, its start and end
 *     relay_streams.c  the workload's bytes, between descriptors and the guest
 *     relay_clients.c  requests that come over vm.sock
 *     relay_machine.c  the machine: started, given its workload, ended
 *     relay_confine.c  what it gives up before the workload runs
 * One thread, one process; its descriptors are its own. */
#pragma once

#include "wall/vm/guest_link.h"
#include "wall/vm/vm.h"

enum {
    WORKLOAD = 1,
    SESSIONS_MAX = 64,
    CLIENTS_MAX = 32,
    REQUEST_BYTES_MAX = 128 * 1024,
    START_MS = 90000, /* a machine that is emulated on a busy host */
    REQUEST_MS = 30000,
    END_MS = 15000,
    RESIZE_MS = 200,
    LAST_MS = 2000, /* from the end of the port to that of the process */
    PIECE = 4096,   /* what a pipe or terminal that is writable takes without blocking: PIPE_BUF */
    STATUS_LOST = 137,
};

struct outlet { /* bytes of the guest's on their way to a descriptor */
    int fd;
    struct strbuf pending;
    size_t written;
};

struct session {
    uint32_t id; /* 0: empty */
    int in;
    uint32_t in_credit;
    struct outlet out, err;
    bool has_ended;
    int status;
    int client; /* of an exec: whom to tell the end; -1: nobody */
    /* An executed process's terminal: its size as the guest knows it. The workload's own tells by
     * SIGWINCH. */
    bool is_terminal;
    unsigned short rows, columns;
};

struct relay {
    const struct relay_settings *settings;
    struct guest_link link;
    struct session sessions[SESSIONS_MAX];
    int clients[CLIENTS_MAX]; /* 0: none */
    uint32_t next_session;
    pid_t monitor, shares; /* 0: none */
    int monitor_ends;      /* a pidfd of the monitor's, or -1 */
    int reason, oom;       /* files for the exit record: empty unless there is something */
    int words;             /* what the machine's log says */
    int resized;           /* a signalfd, or -1 */
    struct vm_limits limits;
    struct vm_place place; /* of the disks */
    int control;           /* a socket to the monitor, for other limits, or -1 */
    int shares_ends;       /* a pidfd of the shares' server, or -1 */
    bool oom_killed;
};

/* The session of this number; 0: an empty one. NULL: none. */
struct session *relay_find_session(struct relay *r, uint32_t id);
/* Keeps the descriptors. NULL: too many. */
struct session *relay_add_session(struct relay *r, uint32_t id, const struct wall_io *io);
bool outlet_is_waiting(const struct outlet *o);
/* Writes a piece, and gives the guest its room back. */
int relay_write_piece(struct relay *r, const struct session *s, struct outlet *o,
                      enum message_stream stream, struct error **err) NODISCARD;
int relay_read_input(struct relay *r, struct session *s, struct error **err) NODISCARD;
/* The guest link's callback: DATA, END, CREDIT, EXIT. `context` is the relay. */
int relay_take_message(void *context, const struct message *m, struct error **err) NODISCARD;
/* Ends sessions all of whose output is out. True: the workload's was among them. */
bool relay_end_sessions(struct relay *r, int *ret_status);

void relay_answer(int client, json_t *take);
void relay_accept_client(struct relay *r);
void relay_hear_client(struct relay *r, size_t i);
/* Tells the guest the terminal's size. */
int relay_resize(struct relay *r, struct error **err) NODISCARD;
/* The same of executed processes' terminals, where it changed. Nothing says when: they are looked
 * at every RESIZE_MS while there are any (*ret_any). */
int relay_follow_sizes(struct relay *r, bool *ret_any, struct error **err) NODISCARD;

/* Starts the machine's monitor, and the server of its shares if there are any. */
int relay_launch(struct relay *r, const struct vm_network *n, struct error **err) NODISCARD;
/* Change rates of the machine's devices while it runs. */
int relay_limit_disks(struct relay *r, const json_t *throttles, struct error **err) NODISCARD;
int relay_limit_network(struct relay *r, const json_t *rates, struct error **err) NODISCARD;
/* What the agent will be asked: to make the workload, or to show the files instead. The caller's.
 */
int relay_prepare(const struct relay *r, const struct vm_network *n, json_t **ret,
                  struct error **err) NODISCARD;
/* For good, when all is open that it needs: before the guest has said anything. */
int relay_confine(struct relay *r, struct error **err) NODISCARD;
/* Asks it: the request waits for the agent's hello. */
int relay_fill_machine(struct relay *r, json_t *fields_take, struct error **err) NODISCARD;
/* How the monitor ended, in words, if that was not by itself; waits a moment for its end. NULL; the
 * caller frees. */
char *relay_monitor_end(struct relay *r);
/* Its disk is written, unless nobody will look at it; then the machine is ended. That its kernel
 * should take its devices down first serves nobody. */
void relay_end_machine(struct relay *r, bool is_fine);
