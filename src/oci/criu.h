// SPDX-License-Identifier: Apache-2.0
/* What checkpoint and restore have in common: their options, the request to the program
 * cloison-criu, its answer. Side effects: that program. https://criu.org/C_API */
#pragma once

#include "oci/container.h"

struct criu_options {
    const char *image_path, *work_path, *parent_path, *cgroups_mode;
    bool leave_running, tcp_established, ext_unix_sk, shell_job, file_locks, auto_dedup;
    bool link_remap, pre_dump;
    const char *page_server;
    /* restore's */
    const char *lsm_profile, *lsm_mount_context;
    const char *bundle, *console_socket, *pid_file;
    bool detach, no_pivot, no_subreaper;
};

/* Each has what both take, and its own. */
extern const struct option criu_checkpoint_rows[], criu_restore_rows[];

/* Whom it is about. */
struct criu_container {
    const struct spec *spec;
    const char *rootfs, *bundle;
    const char *program; /* CRIU's; NULL: found in PATH */
};

/* The request for the container: options, folders (made when missing), mounts from outside and
 * what hides paths, the namespaces that others made. */
int criu_request(const struct criu_options *o, const struct criu_container *c, const char *action,
                 json_t **ret, struct error **err) NODISCARD;
/* Executes cloison-criu. *ret_pid is the restored process, a child of ours (we are its subreaper);
 * 0 after a checkpoint. */
int criu_call(const json_t *request, pid_t *ret_pid, struct error **err) NODISCARD;

/* What 0, 1, 2 of the process lead to ("pipe:[1234]"), kept with the images. */
#define CRIU_DESCRIPTORS "descriptors.json"
