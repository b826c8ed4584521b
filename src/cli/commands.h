// SPDX-License-Identifier: Apache-2.0
/* The verbs of the command line: each src/cli/<verb>.c exports one struct command; the table in
 * commands.c names them all, in the order of the list that --help prints. To add a verb: its file,
 * one line here, one line there.
 *
 * Side effects: those of the verb that is run; a verb prints its result on standard output and
 * never prints errors: it returns them. */
#pragma once

#include "base/options.h"

extern const struct command command_advise;
extern const struct command command_attach;
extern const struct command command_bootstrap;
extern const struct command command_build;
extern const struct command command_builder_prune;
extern const struct command command_commit;
extern const struct command command_compare;
extern const struct command command_complete;
extern const struct command command_compose;
extern const struct command command_compose_attach;
extern const struct command command_compose_build;
extern const struct command command_compose_commit;
extern const struct command command_compose_config;
extern const struct command command_compose_convert;
extern const struct command command_compose_cp;
extern const struct command command_compose_create;
extern const struct command command_compose_down;
extern const struct command command_compose_events;
extern const struct command command_compose_exec;
extern const struct command command_compose_export;
extern const struct command command_compose_images;
extern const struct command command_compose_kill;
extern const struct command command_compose_kubernetes;
extern const struct command command_compose_logs;
extern const struct command command_compose_ls;
extern const struct command command_compose_pause;
extern const struct command command_compose_port;
extern const struct command command_compose_ps;
extern const struct command command_compose_pull;
extern const struct command command_compose_push;
extern const struct command command_compose_restart;
extern const struct command command_compose_rm;
extern const struct command command_compose_run;
extern const struct command command_compose_scale;
extern const struct command command_compose_watch;
extern const struct command command_compose_start;
extern const struct command command_compose_stats;
extern const struct command command_compose_stop;
extern const struct command command_compose_top;
extern const struct command command_compose_trust;
extern const struct command command_compose_unpause;
extern const struct command command_compose_up;
extern const struct command command_compose_version;
extern const struct command command_compose_volumes;
extern const struct command command_compose_wait;
extern const struct command command_container_inspect;
extern const struct command command_container_prune;
extern const struct command command_cp;
extern const struct command command_create;
extern const struct command command_describe;
extern const struct command command_diff;
extern const struct command command_events;
extern const struct command command_exec;
extern const struct command command_explain;
extern const struct command command_explain_run;
extern const struct command command_export;
extern const struct command command_help;
extern const struct command command_history;
extern const struct command command_image_inspect;
extern const struct command command_image_prune;
extern const struct command command_images;
extern const struct command command_import;
extern const struct command command_info;
extern const struct command command_inspect;
extern const struct command command_kernel_add;
extern const struct command command_kernel_build;
extern const struct command command_kernel_inspect;
extern const struct command command_kernel_ls;
extern const struct command command_kernel_rm;
extern const struct command command_kill;
extern const struct command command_load;
extern const struct command command_login;
extern const struct command command_logout;
extern const struct command command_logs;
extern const struct command command_manifest_annotate;
extern const struct command command_manifest_create;
extern const struct command command_manifest_inspect;
extern const struct command command_manifest_push;
extern const struct command command_manifest_rm;
extern const struct command command_network_connect;
extern const struct command command_network_create;
extern const struct command command_network_disconnect;
extern const struct command command_network_inspect;
extern const struct command command_network_ls;
extern const struct command command_network_prune;
extern const struct command command_network_reload;
extern const struct command command_network_rm;
extern const struct command command_pause;
extern const struct command command_port;
extern const struct command command_ps;
extern const struct command command_pull;
extern const struct command command_push;
extern const struct command command_rename;
extern const struct command command_restart;
extern const struct command command_rm;
extern const struct command command_rmi;
extern const struct command command_run;
extern const struct command command_save;
extern const struct command command_start;
extern const struct command command_stats;
extern const struct command command_stop;
extern const struct command command_system_boot;
extern const struct command command_system_check;
extern const struct command command_system_df;
extern const struct command command_system_prune;
extern const struct command command_system_shutdown;
extern const struct command command_tag;
extern const struct command command_tags;
extern const struct command command_top;
extern const struct command command_unpause;
extern const struct command command_update;
extern const struct command command_version;
extern const struct command command_volume_create;
extern const struct command command_volume_inspect;
extern const struct command command_volume_ls;
extern const struct command command_volume_prune;
extern const struct command command_volume_rm;
extern const struct command command_wait;

/* All of them; ends with NULL. */
extern const struct command *const commands[];

/* Finds the verb that argv[0..argc) starts with, Docker's longer forms ("container ls", "image rm")
 * too. *ret_words is how many words name it. NULL when there is none. */
const struct command *command_find(int argc, char **argv, int *ret_words);

/* Says that argv starts with no verb, naming the nearest one: always fails with ERROR_USAGE. */
int command_unknown(int argc, char **argv, struct error **err);

/* Whether verbs stand below this word ("system"). */
bool command_is_noun(const char *word);

/* The list of all commands, or of those below a noun (else NULL), at most 80 columns. */
void commands_print_help(const char *noun, FILE *stream);

/* The options in front of the verb: "cloison --debug run". */
struct global_values {
    const char *data_root, *run_root, *config;
    bool debug, version;
};
extern const struct command command_global;
