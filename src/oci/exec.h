// SPDX-License-Identifier: Apache-2.0
/* What exec runs: --process's, or the container's own process with other arguments, changed by the
 * options. Reads the files named; no other side effect. */
#pragma once

#include "oci/container.h"

struct exec_options {
    const char *console_socket, *pidfd_socket, *pid_file, *cwd, *user, *process, *process_label;
    const char *apparmor;
    struct strv env, additional_gids, cap, cgroup;
    bool tty, detach, no_new_privs, ignore_paused;
    struct option_integer preserve_fds;
};

/* argv is the command, argc 0 with --process. *ret points into *ret_spec. */
int exec_process(const struct oci_container *c, const struct exec_options *o, int argc, char **argv,
                 struct spec **ret_spec, struct spec_process *ret, struct error **err) NODISCARD;
