// SPDX-License-Identifier: Apache-2.0
/* What create and run have in common: a bundle becomes a created container.
 *
 * Calling sequence: launch_begin() reads and plans, changing nothing; launch_create() makes the
 * container; launch_done(). What fails is undone: no half-made container is left.
 * Side effects: those of a wall's creation, the state folder, what is handed over. */
#pragma once

#include "oci/container.h"

/* The options of create and run; launch_rows fills them. */
struct launch_options {
    const char *bundle, *config, *console_socket, *pidfd_socket, *pid_file;
    bool no_pivot, no_new_keyring;
    struct option_integer preserve_fds;
    bool detach, keep, no_subreaper; /* run alone */
};

/* The rows of both; run's own stand first, create's list begins behind them. */
#define LAUNCH_RUN_ROWS 3
extern const struct option launch_rows[];

struct launch {
    const struct oci_context *oci;
    const struct launch_options *options;
    const char *id;
    bool remote_start; /* another process will start it */
    bool adopts;       /* launch_adopt() will be called: what create's options ask is not checked */
    /* its own */
    char *bundle, *rootfs, *config, *dir;
    size_t config_len;
    struct spec *spec;
    struct plan *plan;
    int console; /* the caller's socket, or -1 */
    int master;  /* the terminal's, where nobody else takes it; -1: none */
    struct error *handover_error;
};

int launch_begin(struct launch *l, struct error **err) NODISCARD;
int launch_create(struct launch *l, struct oci_container **ret, struct error **err) NODISCARD;
/* As launch_create(), but the workload is made by `make` (wall_ops.adopt). */
int launch_adopt(struct launch *l, wall_make *make, void *context, struct oci_container **ret,
                 struct error **err) NODISCARD;
void launch_done(struct launch *l);

/* The foreground: serves the terminal until the container has ended, deletes it unless `keep`.
 * Returns its exit status. In run.c. */
struct terminal;
int launch_wait(struct oci_container *c, struct terminal *t, bool keep,
                struct error **err) NODISCARD;

/* Gives the process a HOME when its environment has none: that of its user in the root's
 * /etc/passwd, else "/". */
void launch_set_home(struct arena *a, int root_fd, struct spec_process *p);

/* Takes out of the process's sets what this process cannot give: "Runtimes SHOULD NOT fail if …
 * capabilities … cannot be granted", but warn (config.md#linux-process). */
void launch_limit_capabilities(const struct oci_context *oci, struct spec_process *p);

/* The number of descriptors that --preserve-fds and the socket activation protocol (LISTEN_FDS,
 * sd_listen_fds(3)) ask to be passed on; the latter's variables are added to the environment. */
int launch_preserved_fds(const struct option_integer *preserve, struct spec *s,
                         struct spec_process *p, int *ret, struct error **err) NODISCARD;
