// SPDX-License-Identifier: Apache-2.0
/* A machine's handle, as any process has it that opens the state folder.
 *
 *     create.c    forks the relay, puts it into its groups, waits for the workload to be set up
 *     workload.c  the other operations: they ask the relay, or do without it
 *     ask.c       the asking, over vm.sock
 * The relay is the workload's process on the host: while it lives, the machine runs. */
#pragma once

#include <sys/un.h>

#include "wall/vm/vm.h"

/* What outlives the process that created the workload: <state_dir>/wall.json. */
struct workload {
    char *state_dir;
    pid_t pid; /* the relay */
    uint64_t pid_start;
    enum vm_monitor monitor;
    struct arena *arena; /* of what follows */
    struct cgroup_set groups;
    const char *scope;  /* systemd's unit, or NULL */
    json_t *late_hooks; /* vm_hooks_record() */
    wall_warning *warning;
    void *warning_context;
};

int vm_create(struct plan *plan, const struct wall_io *io, const struct wall_callbacks *c,
              struct workload **ret, struct error **err) NODISCARD;

int workload_save(const struct workload *w, struct error **err) NODISCARD;
/* The address of vm.sock by the folder's descriptor, which is the caller's: its path may be longer
 * than addresses are. */
int workload_socket(const char *state_dir, struct sockaddr_un *ret, int *ret_folder,
                    struct error **err) NODISCARD;
/* One message of the relay's; its error is ours. */
int relay_receive(int sock, json_t **ret, struct error **err) NODISCARD;
/* Asks the relay; its answer in *ret unless NULL. Returns the socket, for a second message; the
 * caller closes it. */
int relay_ask(const struct workload *w, json_t *request_take, const int *fds, size_t fd_count,
              json_t **ret, struct error **err) NODISCARD;
/* The same without a second message. */
int relay_ask_plain(const struct workload *w, json_t *request_take, json_t **ret,
                    struct error **err) NODISCARD;
/* For what is as good as lost when it cannot be delivered soon, and whoever asks goes on. */
int relay_ask_soon(const struct workload *w, json_t *request_take, struct error **err) NODISCARD;
/* Forks the relay into a network namespace of its own. */
pid_t vm_fork_relay(const struct relay_settings *s);

/* files.c: wall_ops.files and .browse. */
int vm_files(struct workload *w, enum wall_tree tree, int *ret_fd, struct error **err) NODISCARD;
int vm_browse(struct plan *plan, enum wall_tree tree, int *ret_fd, struct error **err) NODISCARD;

/* isolation.c */
int vm_isolation(struct workload *w, json_t **ret, struct error **err) NODISCARD;

void workload_stop_relay(const struct workload *w);
int workload_remove_groups(const struct workload *w, struct error **err) NODISCARD;
/* A terminal whose other end passes bytes on as they are: the machine has the line discipline. */
int vm_open_terminal(struct opt_u32 rows, struct opt_u32 columns, int *ret_master, int *ret_slave,
                     struct error **err) NODISCARD;
