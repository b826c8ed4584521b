// SPDX-License-Identifier: Apache-2.0
/* What checkpoint and restore have in common: their options, the request to the program
 * cloison-criu, its answer. Side effects: that program. https://criu.org/C_API */
#pragma once

#include "oci/container.h"

struct criu_options {
    const char *image_path, *work_path, *parent_path, *cgroups_mode;
    bool leave_running, tcp_established, ext_unix_sk, shell_job, file_locks, auto_dedup;
    bool link_remap, pre_dump;
    /* restore's */
    const char *bundle, *console_socket, *pid_file;
    bool detach, no_pivot, no_subreaper;
};

/* Each has what both take, and its own. */
extern const struct option criu_checkpoint_rows[], criu_restore_rows[];

/* The request for the container's spec: options, folders (made when missing), mounts from outside
 * and what hides paths. */
int criu_request(const struct criu_options *o, const struct spec *s, const char *rootfs,
                 const char *action, json_t **ret, struct error **err) NODISCARD;
/* Executes cloison-criu. *ret_pid is the restored process, a child of ours (we are its subreaper);
 * 0 after a checkpoint. */
int criu_call(const json_t *request, pid_t *ret_pid, struct error **err) NODISCARD;

/* What 0, 1, 2 of the process lead to ("pipe:[1234]"), kept with the images. */
#define CRIU_DESCRIPTORS "descriptors.json"
