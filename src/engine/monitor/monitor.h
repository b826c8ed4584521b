// SPDX-License-Identifier: Apache-2.0
/* The process that stays with a container: it makes the workload through the wall, holds its
 * terminal or pipes, writes the log, reaps, restarts, and records the end. One thread, one epoll
 * loop, nothing that grows with time.
 *
 *     main.c      arguments, then: launch, report, stay, finish; again when the policy says so
 *     launch.c    load → plan → create → start
 *     network.c   reserve before, attach beside, detach behind
 *     resolver.c  the host's resolver is followed
 *     loop.c      who is woken by what
 *     output.c    the workload's output: to the log and to the clients
 *     clients.c   who is attached; their requests
 *     exec.c      detached processes of exec
 *     record.c    state.json, exit.json, events
 *     health.c    health checks
 *     restart.c   whether and when it starts again
 *     quiet.c     giving memory back
 *
 * It survives whoever started it, and every client. Killed itself, it leaves state.json and a free
 * monitor.lock behind, from which engine/recover.h cleans up; the workload does not outlive that.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "engine/attach.h"
#include "engine/container.h"
#include "engine/monitor/log.h"
#include "net/net.h"
#include "spec/spec.h"
#include "wall/wall.h"

struct monitor;

/* What the loop waits for: an fd and what to do. fd -1: not in use. */
struct source {
    int fd;
    uint32_t events; /* asked of epoll now */
    void (*ready)(struct monitor *m, struct source *s, uint32_t events);
};

struct stream { /* one output of the workload */
    struct source source;
    const char *name;      /* "stdout", "stderr" */
    enum frame_type frame; /* what clients are sent */
    struct strbuf partial; /* a line without its end yet */
    struct timespec partial_since;
    bool ended;
};

struct client {
    struct source source; /* first: the loop hands back the source */
    struct client *next;
    bool in, out, err;      /* attached to */
    bool patient;           /* the starting command: may keep the workload waiting */
    bool gone;              /* to be freed at the end of this round of the loop */
    struct strbuf unsent;   /* frames that did not fit: type, length, payload */
    int64_t stuck_since_ms; /* 0: nothing unsent */
};

struct loop_source {
    struct source source; /* first: the loop hands back the source */
    int container;        /* the port */
};

#define RESOLVER_FOLDERS 3 /* that may hold what the host's resolver is told by */

struct health { /* next_ms 0: no checks */
    int64_t interval_ms, timeout_ms, start_period_ms, start_interval_ms, retries;
    int64_t begin_ms, next_ms; /* monotonic: of the next check, or of the running one's timeout */
    pid_t pid;                 /* of the running check; then these are set: */
    int output;                /* a file in memory with what it writes */
    char started[TIME_TEXT_BYTES];
    bool late; /* it was killed for the timeout */
};

struct monitor {
    struct engine engine;
    struct container *container; /* as loaded by the last launch; large parts freed when quiet */
    unsigned flags;              /* enum monitor_flags of engine/spawn.h */
    int lock, object;            /* monitor.lock; the container's lock until started, else -1 */
    int creator;                 /* to the starting command, until it becomes a client; or -1 */

    const struct wall_ops *wall;
    struct workload *workload;
    pid_t pid;
    struct net_attachment *network;
    struct loop_source *loops; /* connections from ::1 to published ports */
    size_t loop_count;
    int resolver_fds[RESOLVER_FOLDERS]; /* watched; -1: none */
    int64_t resolver_due_ms;            /* monotonic: when to look at a change; 0: none */

    int epoll;
    struct source signals, listener;
    struct source input; /* the workload's standard input, or the terminal's master for writing */
    struct strbuf input_pending;
    bool input_end_wanted; /* close it once what is pending is written */
    struct stream out, err;
    struct client *clients;
    struct log log;

    bool started, exited, stop_wanted; /* stop_wanted: by a user: no restart */
    int exit_status;                   /* of waitpid */
    bool oom_killed, pids_limit_hit;
    char *failure;                  /* why a later start failed */
    int64_t exited_ms, deadline_ms; /* monotonic; deadline 0: none */
    struct timespec started_at, finished_at;
    int restart_count, backoff_ms;
    struct health health;
};

/* launch.c. On failure everything it did is undone. */
int monitor_launch(struct monitor *m, struct error **err) NODISCARD;
/* The workload's end: its limits' marks read, the wall's objects removed. */
void monitor_dismantle(struct monitor *m);

/* network.c */
int monitor_network_reserve(struct monitor *m, struct error **err) NODISCARD;
int monitor_network_beside(struct monitor *m, pid_t pid, struct error **err) NODISCARD;
void monitor_network_detach(struct monitor *m);

/* resolver.c. Watching begins before the files are first read, so that no change is missed. */
void monitor_resolver_watch(struct monitor *m);
void monitor_resolver_changed(struct monitor *m); /* something in the folders has */
void monitor_resolver_due(struct monitor *m);

/* loop.c: until the workload has ended and its output is out. */
int monitor_loop_open(struct monitor *m, struct error **err) NODISCARD;
void monitor_loop(struct monitor *m);
/* Waits, serving clients, until the time has come (true) or a stop was asked for (false). */
bool monitor_loop_wait(struct monitor *m, int64_t ms);
void source_add(struct monitor *m, struct source *s, int fd, uint32_t events,
                void (*ready)(struct monitor *, struct source *, uint32_t));
void source_want(struct monitor *m, struct source *s, uint32_t events);
void source_remove(struct monitor *m, struct source *s); /* closes the fd */

/* output.c */
void monitor_output_add(struct monitor *m, struct stream *s, int fd, const char *name,
                        enum frame_type frame);
/* Reading pauses while a client is stuck. */
void monitor_output_pause(struct monitor *m, bool paused);
/* What is still in the pipes after the end: true when nothing is left. */
bool monitor_output_drain(struct monitor *m);

/* clients.c */
int monitor_listen(struct monitor *m, struct error **err) NODISCARD;
struct client *monitor_client_add(struct monitor *m, int fd_take);
void monitor_client_attach(struct client *c, const struct frame_attach *what);
void monitor_clients_output(struct monitor *m, enum frame_type type, const char *bytes, size_t len);
void monitor_clients_exit(struct monitor *m, bool final);
void monitor_clients_sweep(struct monitor *m); /* frees the gone, drops the hopeless */
bool monitor_clients_stuck(const struct monitor *m);
void monitor_clients_close(struct monitor *m);
void monitor_input_add(struct monitor *m, int fd);

/* exec.c: a detached process, ours to reap. `name` is the file's in the run folder. */
int monitor_exec(struct monitor *m, const char *name, struct error **err) NODISCARD;

/* record.c */
int monitor_record_state(struct monitor *m, enum container_status status,
                         struct error **err) NODISCARD;
void monitor_record_exit(struct monitor *m);
/* attributes_take: see event_write(); may be NULL. */
void monitor_event(struct monitor *m, const char *action, json_t *attributes_take);
int monitor_exit_code(const struct monitor *m);

/* health.c */
void monitor_health_start(struct monitor *m);
void monitor_health_end(struct monitor *m);
void monitor_health_due(struct monitor *m);
bool monitor_health_reap(struct monitor *m, pid_t pid, int status);

/* restart.c */
bool monitor_should_restart(struct monitor *m);
int monitor_backoff_ms(struct monitor *m);

/* quiet.c */
void monitor_quiet(struct monitor *m);
