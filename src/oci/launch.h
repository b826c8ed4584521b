// SPDX-License-Identifier: Apache-2.0
/* What create and run have in common: a bundle becomes a created container.
 *
 * Calling sequence: launch_begin() reads and plans, changing nothing; launch_create() makes the
 * container; launch_done(). What fails is undone: no half-made container is left.
 * Side effects: those of a wall's creation, the state folder, what is handed over. */
#pragma once

#include "oci/container.h"

/* The options of create and run; LAUNCH_ROWS fills them. */
struct launch_options {
    const char *bundle, *console_socket, *pidfd_socket, *pid_file;
    bool no_pivot, no_new_keyring;
    struct option_integer preserve_fds;
    bool detach, keep, no_subreaper; /* run alone */
};

#define LAUNCH_ROWS                                                                                \
    {'b',                                                                                          \
     "bundle",                                                                                     \
     OPTION_STRING,                                                                                \
     offsetof(struct launch_options, bundle),                                                      \
     "FOLDER",                                                                                     \
     "The bundle: config.json and the root (default: this folder)",                                \
     COMPLETE_FOLDER},                                                                             \
        {0,                                                                                        \
         "console-socket",                                                                         \
         OPTION_STRING,                                                                            \
         offsetof(struct launch_options, console_socket),                                          \
         "SOCKET",                                                                                 \
         "Send the terminal's master to this UNIX socket",                                         \
         COMPLETE_FILE},                                                                           \
        {0,                                                                                        \
         "pidfd-socket",                                                                           \
         OPTION_STRING,                                                                            \
         offsetof(struct launch_options, pidfd_socket),                                            \
         "SOCKET",                                                                                 \
         "Send a pidfd of the process to this UNIX socket",                                        \
         COMPLETE_FILE},                                                                           \
        {0,                                                                                        \
         "pid-file",                                                                               \
         OPTION_STRING,                                                                            \
         offsetof(struct launch_options, pid_file),                                                \
         "FILE",                                                                                   \
         "Write the process's number to this file",                                                \
         COMPLETE_FILE},                                                                           \
        {0,           "no-pivot",                                                                  \
         OPTION_FLAG, offsetof(struct launch_options, no_pivot),                                   \
         NULL,        "Move the root instead of pivot_root(2): on a ramdisk"},                     \
        {0,           "no-new-keyring",                                                            \
         OPTION_FLAG, offsetof(struct launch_options, no_new_keyring),                             \
         NULL,        "Keep the caller's session keyring"},                                        \
    {                                                                                              \
        0, "preserve-fds", OPTION_INTEGER, offsetof(struct launch_options, preserve_fds), "N",     \
            "Pass descriptors 3 to 3+N-1 on"                                                       \
    }

struct launch {
    const struct oci_context *oci;
    const struct launch_options *options;
    const char *id;
    bool remote_start; /* another process will start it */
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
void launch_done(struct launch *l);

/* Takes out of the process's sets what this process cannot give: "Runtimes SHOULD NOT fail if …
 * capabilities … cannot be granted", but warn (config.md#linux-process). */
void launch_limit_capabilities(const struct oci_context *oci, struct spec_process *p);

/* The number of descriptors that --preserve-fds and the socket activation protocol (LISTEN_FDS,
 * sd_listen_fds(3)) ask to be passed on; the latter's variables are added to the environment. */
int launch_preserved_fds(const struct option_integer *preserve, struct spec *s,
                         struct spec_process *p, int *ret, struct error **err) NODISCARD;
