// SPDX-License-Identifier: Apache-2.0
/* The OCI runtime's command line: what Docker, Podman, containerd and CRI-O call. Its verbs,
 * options, exit statuses, JSON and words are runc's, because callers read them.
 *
 * Each src/oci/<verb>.c exports one struct command; the table in commands.c names them all. A verb
 * prints its result on standard output and returns its errors; main.c alone prints them, and writes
 * them to --log. To add a verb: its file, one line here, one line there.
 *
 * OCI runtime 1.2, runtime.md#operations; the command line itself is runc(8)'s. */
#pragma once

#include "base/options.h"
#include "oci/log.h"
#include "wall/wall.h"

#define OCI_SPEC_VERSION "1.2.1" /* the newest that we know all of */

/* What every verb gets: the global options, parsed. */
struct oci_context {
    struct command_context base; /* first: verbs are given this; see oci_of() */
    const char *root;            /* absolute; holds one folder a container */
    const struct wall_ops *wall;
    struct oci_log *log;
    const char *criu; /* its program; NULL: found in PATH */
    bool systemd_cgroup, no_cgroups;
};

static inline const struct oci_context *oci_of(const struct command_context *context)
{
    return (const struct oci_context *)context;
}

extern const struct command oci_checkpoint;
extern const struct command oci_complete;
extern const struct command oci_create;
extern const struct command oci_delete;
extern const struct command oci_describe;
extern const struct command oci_events;
extern const struct command oci_exec;
extern const struct command oci_features;
extern const struct command oci_kill;
extern const struct command oci_list;
extern const struct command oci_pause;
extern const struct command oci_ps;
extern const struct command oci_restore;
extern const struct command oci_resume;
extern const struct command oci_run;
extern const struct command oci_spec;
extern const struct command oci_start;
extern const struct command oci_state;
extern const struct command oci_update;

/* All of them; ends with NULL. */
extern const struct command *const oci_commands[];
/* NULL when there is none of that name. */
const struct command *oci_command_find(const char *name);
void oci_print_help(FILE *stream);

/* The options in front of the verb. */
struct oci_globals {
    const char *root, *log, *log_format, *rootless, *cgroup_manager, *criu;
    bool debug, systemd_cgroup, version;
};
extern const struct command oci_global;
