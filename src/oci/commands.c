// SPDX-License-Identifier: Apache-2.0
#include "oci/oci.h"

/* One line a verb, in the order of --help. */
const struct command *const oci_commands[] = {
    &oci_create,   &oci_start,  &oci_state,    &oci_kill,       &oci_delete,
    &oci_run,      &oci_exec,   &oci_list,     &oci_ps,         &oci_pause,
    &oci_resume,   &oci_update, &oci_events,   &oci_checkpoint, &oci_restore,
    &oci_features, &oci_spec,   &oci_describe, &oci_complete,   NULL,
};

const struct command *oci_command_find(const char *name)
{
    for (size_t i = 0; oci_commands[i]; i++) {
        if (str_equal(oci_commands[i]->name, name)) {
            return oci_commands[i];
        }
    }
    return NULL;
}

void oci_print_help(FILE *stream)
{
    options_print_help(&oci_global, error_program(), stream);
    fprintf(stream, "\nCommands:\n");
    for (size_t i = 0; oci_commands[i]; i++) {
        if (!oci_commands[i]->hidden) {
            fprintf(stream, "  %-10s  %s\n", oci_commands[i]->name, oci_commands[i]->summary);
        }
    }
    fprintf(stream, "\nRun '%s COMMAND --help' for more about a command.\n", error_program());
}

#define AT(member) offsetof(struct oci_globals, member)
static const struct option global_options[] = {
    {0, "root", OPTION_STRING, AT(root), "FOLDER",
     "Where the state of containers is kept (default /run/cloison-oci)", COMPLETE_FOLDER},
    {0, "log", OPTION_STRING, AT(log), "FILE", "Append errors and warnings to this file",
     COMPLETE_FILE},
    {0, "log-format", OPTION_STRING, AT(log_format), "FORMAT",
     "How the log is written: text or json", COMPLETE_WORDS, "text json"},
    {0, "debug", OPTION_FLAG, AT(debug), NULL, "Log what is being done, too"},
    {0, "systemd-cgroup", OPTION_FLAG, AT(systemd_cgroup), NULL,
     "Have systemd make the cgroups: cgroupsPath is then slice:prefix:name"},
    {0, "cgroup-manager", OPTION_STRING, AT(cgroup_manager), "MANAGER",
     "crun's form: cgroupfs, systemd, or disabled for no cgroups at all", COMPLETE_WORDS,
     "cgroupfs systemd disabled"},
    {0, "rootless", OPTION_STRING, AT(rootless), "BOOL",
     "Accepted for callers: true, false or auto", COMPLETE_WORDS, "true false auto"},
    {0, "criu", OPTION_STRING, AT(criu), "FILE", "CRIU's program (default: found in PATH)",
     COMPLETE_FILE},
    {'v', "version", OPTION_FLAG, AT(version), NULL, "Print the version"},
    {0},
};

const struct command oci_global = {
    .name = "",
    .summary = "Runs OCI bundles: the runtime that Docker, Podman, containerd and CRI-O call.",
    .arguments = "[OPTIONS] COMMAND [ARG...]",
    .options = global_options,
    .values_size = sizeof(struct oci_globals),
    .max_arguments = -1,
    .options_end_at_argument = true,
};
