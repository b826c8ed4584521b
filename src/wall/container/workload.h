// SPDX-License-Identifier: Apache-2.0
/* A workload's handle: the record of it, and what only the process that created it holds.
 *
 *     create() → created ── start() → running ⇄ pause()/resume() paused
 *                   └────────────────────┴── its end → stopped ── delete() → gone
 * Side effects: signals, cgroup writes, the files in state_dir. One thread. */
#pragma once

#include "wall/container/record.h"
#include "wall/wall.h"

struct workload {
    char *state_dir;
    struct record record;
    int pidfd;             /* -1: it has ended, or was never there */
    int channel;           /* to the child that waits for start(); -1 elsewhere and after */
    bool started;          /* by this process */
    wall_warning *warning; /* who is told, or NULL */
    void *warning_context;
    struct plan *plan; /* held by the creator: the record's strings are the plan's; else NULL */
};

struct workload *workload_new(const char *state_dir);
void workload_free(struct workload *w);
DEFINE_CLEANUP(workload, struct workload *, workload_free)

/* The wall's operations, by file: create.c, adopt.c, start.c, exec.c, isolation.c,
 * workload.c. */
int container_create(struct plan *plan, const struct wall_io *io,
                     const struct wall_callbacks *callbacks, struct workload **ret,
                     struct error **err);
int container_adopt(struct plan *plan, wall_make *make, void *context, struct workload **ret,
                    struct error **err);
int container_start(struct workload *w, struct error **err);
int container_exec(struct workload *w, const struct wall_exec *exec, pid_t *ret_pid,
                   struct error **err);
int container_isolation(struct workload *w, json_t **ret, struct error **err);

/* Descriptors to be handed on must be there before ours take their numbers. */
int preserved_check(const struct plan *plan, struct error **err) NODISCARD;

/* Replaces the workload's groups by those below them that an exec wants: see wall_exec.cgroups. */
int exec_groups(struct arena *a, const struct strv *wanted, struct cgroup_set *set,
                struct error **err) NODISCARD;

/* Removes the files of the state folder that are the wall's. */
void workload_forget(const char *state_dir);
/* "<state_dir>/start", named through a descriptor: a socket's name holds 107 bytes only. Returns
 * the listening socket, or the connected one, or a negative errno. */
int start_socket_listen(const char *state_dir, struct error **err) NODISCARD;
int start_socket_connect(const char *state_dir, struct error **err) NODISCARD;
bool start_socket_exists(const char *state_dir);

/* Sends a seccomp listener of the process to whom the profile names. Keeps the fd. */
int workload_hand_listener_on(const struct workload *w, int listener, pid_t pid, const char *status,
                              struct error **err) NODISCARD;

/* Opens /proc and makes sure that it is procfs. Returns the fd. */
int proc_open(struct error **err) NODISCARD;
/* What the child said it failed at, and its death without a word. */
int child_vanished(pid_t pid, struct error **err);
