// SPDX-License-Identifier: Apache-2.0
/* The verbs of `compose` on containers: rows; the program cloison-compose does them. */
#include "cli/commands.h"
#include "cli/compose.h"
#include "cli/format.h"

struct compose_values {
    const char *detach_keys, *format, *protocol, *signal, *since, *tail, *until;
    const char *author, *message, *output;
    struct strv change_list, filter_list, status_list;
    struct option_integer index, timeout, wait_timeout;
    bool all, archive, follow, follow_link, force, json, no_color, no_deps, no_log_prefix, no_stdin,
        no_stream, no_trunc, orphans, pause, quiet, services, sig_proxy, stop, timestamps, volumes,
        wait;
};

static void set_defaults(void *values)
{
    struct compose_values *v = values;
    v->orphans = v->pause = v->sig_proxy = true;
}
#define AT(member) offsetof(struct compose_values, member)

static const struct option ps_options[] = {
    {'a', "all", OPTION_FLAG, AT(all), NULL, "Also those that do not run"},
    {0, "filter", OPTION_LIST, AT(filter_list), "FILTER", "Those that fit alone: status=STATUS"},
    {0, "format", OPTION_STRING, AT(format), "FORMAT", LIST_FORMAT_OPTION_HELP},
    {0, "no-trunc", OPTION_FLAG, AT(no_trunc), NULL, "Print IDs and commands whole"},
    {0, "orphans", OPTION_FLAG, AT(orphans), NULL,
     "Also those of services that the file no longer has (true)"},
    {'q', "quiet", OPTION_FLAG, AT(quiet), NULL, "Print the IDs alone"},
    {0, "services", OPTION_FLAG, AT(services), NULL, "Print the services alone"},
    {0, "status", OPTION_LIST, AT(status_list), "STATUS",
     "Those in this state alone: running, exited, …"},
    {0},
};
COMPOSE_VERB(ps)
const struct command command_compose_ps = {
    .name = "compose ps",
    .group = "Compose",
    .summary = "List containers",
    .arguments = "[OPTIONS] [SERVICE...]",
    .options = ps_options,
    .values_size = sizeof(struct compose_values),
    .defaults = set_defaults,
    .min_arguments = 0,
    .max_arguments = -1,
    .run = ps_run,
};

static const struct option logs_options[] = {
    {'f', "follow", OPTION_FLAG, AT(follow), NULL, "Go on until the containers end"},
    {0, "index", OPTION_INTEGER, AT(index), "NUMBER", "Of this container of the service alone"},
    {0, "no-color", OPTION_FLAG, AT(no_color), NULL, "Print no colours"},
    {0, "no-log-prefix", OPTION_FLAG, AT(no_log_prefix), NULL,
     "Print no containers' names before lines"},
    {0, "since", OPTION_STRING, AT(since), "TIME",
     "From this time on: 2026-01-02T15:04:05Z, or 10m ago"},
    {'n', "tail", OPTION_STRING, AT(tail), "NUMBER", "The last lines of each container; 'all'"},
    {'t', "timestamps", OPTION_FLAG, AT(timestamps), NULL, "Print when each line was written"},
    {0, "until", OPTION_STRING, AT(until), "TIME", "Up to this time"},
    {0},
};
COMPOSE_VERB(logs)
const struct command command_compose_logs = {
    .name = "compose logs",
    .group = "Compose",
    .summary = "Print what the containers wrote",
    .arguments = "[OPTIONS] [SERVICE...]",
    .options = logs_options,
    .values_size = sizeof(struct compose_values),
    .min_arguments = 0,
    .max_arguments = -1,
    .run = logs_run,
};

static const struct option start_options[] = {
    {0, "wait", OPTION_FLAG, AT(wait), NULL, "Until all run, or are healthy"},
    {0, "wait-timeout", OPTION_INTEGER, AT(wait_timeout), "SECONDS", "How long --wait waits"},
    {0},
};
COMPOSE_VERB(start)
const struct command command_compose_start = {
    .name = "compose start",
    .group = "Compose",
    .summary = "Start containers that are there",
    .arguments = "[OPTIONS] [SERVICE...]",
    .options = start_options,
    .values_size = sizeof(struct compose_values),
    .min_arguments = 0,
    .max_arguments = -1,
    .run = start_run,
};

static const struct option stop_options[] = {
    {'t', "timeout", OPTION_INTEGER, AT(timeout), "SECONDS", "How long a container has to end"},
    {0},
};
COMPOSE_VERB(stop)
const struct command command_compose_stop = {
    .name = "compose stop",
    .group = "Compose",
    .summary = "Stop containers",
    .arguments = "[OPTIONS] [SERVICE...]",
    .options = stop_options,
    .values_size = sizeof(struct compose_values),
    .min_arguments = 0,
    .max_arguments = -1,
    .run = stop_run,
};

static const struct option restart_options[] = {
    {0, "no-deps", OPTION_FLAG, AT(no_deps), NULL,
     "Leave those alone whose 'depends_on' says 'restart: true'"},
    {'t', "timeout", OPTION_INTEGER, AT(timeout), "SECONDS", "How long a container has to end"},
    {0},
};
COMPOSE_VERB(restart)
const struct command command_compose_restart = {
    .name = "compose restart",
    .group = "Compose",
    .summary = "Stop and start containers",
    .arguments = "[OPTIONS] [SERVICE...]",
    .options = restart_options,
    .values_size = sizeof(struct compose_values),
    .min_arguments = 0,
    .max_arguments = -1,
    .run = restart_run,
};

static const struct option kill_options[] = {
    {'s', "signal", OPTION_STRING, AT(signal), "SIGNAL", "Which signal (default SIGKILL)"},
    {0},
};
COMPOSE_VERB(kill)
const struct command command_compose_kill = {
    .name = "compose kill",
    .group = "Compose",
    .summary = "Send the containers a signal",
    .arguments = "[OPTIONS] [SERVICE...]",
    .options = kill_options,
    .values_size = sizeof(struct compose_values),
    .min_arguments = 0,
    .max_arguments = -1,
    .run = kill_run,
};

static const struct option pause_options[] = {
    {0},
};
COMPOSE_VERB(pause)
const struct command command_compose_pause = {
    .name = "compose pause",
    .group = "Compose",
    .summary = "Freeze containers",
    .arguments = "[SERVICE...]",
    .options = pause_options,
    .values_size = sizeof(struct compose_values),
    .min_arguments = 0,
    .max_arguments = -1,
    .run = pause_run,
};

static const struct option unpause_options[] = {
    {0},
};
COMPOSE_VERB(unpause)
const struct command command_compose_unpause = {
    .name = "compose unpause",
    .group = "Compose",
    .summary = "Let frozen containers go on",
    .arguments = "[SERVICE...]",
    .options = unpause_options,
    .values_size = sizeof(struct compose_values),
    .min_arguments = 0,
    .max_arguments = -1,
    .run = unpause_run,
};

static const struct option rm_options[] = {
    {'f', "force", OPTION_FLAG, AT(force), NULL, "Do not ask"},
    {'s', "stop", OPTION_FLAG, AT(stop), NULL, "Stop them first"},
    {'v', "volumes", OPTION_FLAG, AT(volumes), NULL, "Remove their anonymous volumes, too"},
    {0},
};
COMPOSE_VERB(rm)
const struct command command_compose_rm = {
    .name = "compose rm",
    .group = "Compose",
    .summary = "Remove stopped containers",
    .arguments = "[OPTIONS] [SERVICE...]",
    .options = rm_options,
    .values_size = sizeof(struct compose_values),
    .min_arguments = 0,
    .max_arguments = -1,
    .run = rm_run,
};

static const struct option wait_options[] = {
    {0},
};
COMPOSE_VERB(wait)
const struct command command_compose_wait = {
    .name = "compose wait",
    .group = "Compose",
    .summary = "Wait until containers have ended",
    .arguments = "SERVICE...",
    .options = wait_options,
    .values_size = sizeof(struct compose_values),
    .min_arguments = 1,
    .max_arguments = -1,
    .run = wait_run,
};

static const struct option attach_options[] = {
    {0, "detach-keys", OPTION_STRING, AT(detach_keys), "KEYS", "Keys that detach (ctrl-p,ctrl-q)"},
    {0, "index", OPTION_INTEGER, AT(index), "NUMBER", "To this container of the service"},
    {0, "no-stdin", OPTION_FLAG, AT(no_stdin), NULL, "Give it no input"},
    {0, "sig-proxy", OPTION_FLAG, AT(sig_proxy), NULL, "Forward signals to it (true)"},
    {0},
};
COMPOSE_VERB(attach)
const struct command command_compose_attach = {
    .name = "compose attach",
    .group = "Compose",
    .summary = "Attach to a running container",
    .arguments = "[OPTIONS] SERVICE",
    .options = attach_options,
    .values_size = sizeof(struct compose_values),
    .defaults = set_defaults,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = attach_run,
};

static const struct option top_options[] = {
    {0},
};
COMPOSE_VERB(top)
const struct command command_compose_top = {
    .name = "compose top",
    .group = "Compose",
    .summary = "Show the processes of the containers",
    .arguments = "[SERVICE...]",
    .options = top_options,
    .values_size = sizeof(struct compose_values),
    .min_arguments = 0,
    .max_arguments = -1,
    .run = top_run,
};

static const struct option stats_options[] = {
    {'a', "all", OPTION_FLAG, AT(all), NULL, "Also those that do not run"},
    {0, "format", OPTION_STRING, AT(format), "FORMAT", LIST_FORMAT_OPTION_HELP},
    {0, "no-stream", OPTION_FLAG, AT(no_stream), NULL, "Print once"},
    {0, "no-trunc", OPTION_FLAG, AT(no_trunc), NULL, "Print IDs whole"},
    {0},
};
COMPOSE_VERB(stats)
const struct command command_compose_stats = {
    .name = "compose stats",
    .group = "Compose",
    .summary = "Show what the containers use",
    .arguments = "[OPTIONS] [SERVICE...]",
    .options = stats_options,
    .values_size = sizeof(struct compose_values),
    .min_arguments = 0,
    .max_arguments = -1,
    .run = stats_run,
};

static const struct option events_options[] = {
    {0, "json", OPTION_FLAG, AT(json), NULL, "Print JSON"},
    {0, "since", OPTION_STRING, AT(since), "TIME", "From this time on"},
    {0, "until", OPTION_STRING, AT(until), "TIME", "Up to this time"},
    {0},
};
COMPOSE_VERB(events)
const struct command command_compose_events = {
    .name = "compose events",
    .group = "Compose",
    .summary = "Print what happens to the containers",
    .arguments = "[OPTIONS] [SERVICE...]",
    .options = events_options,
    .values_size = sizeof(struct compose_values),
    .min_arguments = 0,
    .max_arguments = -1,
    .run = events_run,
};

static const struct option port_options[] = {
    {0, "index", OPTION_INTEGER, AT(index), "NUMBER", "Of this container of the service"},
    {0, "protocol", OPTION_STRING, AT(protocol), "PROTOCOL", "'tcp' (default) or 'udp'"},
    {0},
};
COMPOSE_VERB(port)
const struct command command_compose_port = {
    .name = "compose port",
    .group = "Compose",
    .summary = "Print the address of a published port",
    .arguments = "[OPTIONS] SERVICE [PORT]",
    .options = port_options,
    .values_size = sizeof(struct compose_values),
    .min_arguments = 1,
    .max_arguments = 2,
    .run = port_run,
};

static const struct option images_options[] = {
    {0, "format", OPTION_STRING, AT(format), "FORMAT", LIST_FORMAT_OPTION_HELP},
    {'q', "quiet", OPTION_FLAG, AT(quiet), NULL, "Print the IDs alone"},
    {0},
};
COMPOSE_VERB(images)
const struct command command_compose_images = {
    .name = "compose images",
    .group = "Compose",
    .summary = "List the images of the containers",
    .arguments = "[OPTIONS] [SERVICE...]",
    .options = images_options,
    .values_size = sizeof(struct compose_values),
    .min_arguments = 0,
    .max_arguments = -1,
    .run = images_run,
};

static const struct option cp_options[] = {
    {'a', "archive", OPTION_FLAG, AT(archive), NULL, "Keep owners"},
    {'L', "follow-link", OPTION_FLAG, AT(follow_link), NULL, "Follow a link that is the source"},
    {0, "index", OPTION_INTEGER, AT(index), "NUMBER", "With this container of the service"},
    {0},
};
COMPOSE_VERB(cp)
const struct command command_compose_cp = {
    .name = "compose cp",
    .group = "Compose",
    .summary = "Copy between a container and the host",
    .arguments = "[OPTIONS] SERVICE:PATH PATH | PATH SERVICE:PATH",
    .options = cp_options,
    .values_size = sizeof(struct compose_values),
    .min_arguments = 2,
    .max_arguments = 2,
    .run = cp_run,
};

static const struct option ls_options[] = {
    {'a', "all", OPTION_FLAG, AT(all), NULL, "Also those that do not run"},
    {0, "filter", OPTION_LIST, AT(filter_list), "FILTER",
     "Those that fit alone: name=PATTERN, a regular expression"},
    {0, "format", OPTION_STRING, AT(format), "FORMAT", LIST_FORMAT_OPTION_HELP},
    {'q', "quiet", OPTION_FLAG, AT(quiet), NULL, "Print the names alone"},
    {0},
};
COMPOSE_VERB(ls)
const struct command command_compose_ls = {
    .name = "compose ls",
    .group = "Compose",
    .summary = "List projects",
    .arguments = "[OPTIONS]",
    .options = ls_options,
    .values_size = sizeof(struct compose_values),
    .min_arguments = 0,
    .max_arguments = 0,
    .run = ls_run,
};

static const struct option volumes_options[] = {
    {0, "format", OPTION_STRING, AT(format), "FORMAT", LIST_FORMAT_OPTION_HELP},
    {'q', "quiet", OPTION_FLAG, AT(quiet), NULL, "Print the names alone"},
    {0},
};
COMPOSE_VERB(volumes)
const struct command command_compose_volumes = {
    .name = "compose volumes",
    .group = "Compose",
    .summary = "List the volumes of the project",
    .arguments = "[OPTIONS] [SERVICE...]",
    .options = volumes_options,
    .values_size = sizeof(struct compose_values),
    .max_arguments = -1,
    .run = volumes_run,
};

static const struct option commit_options[] = {
    {'a', "author", OPTION_STRING, AT(author), "TEXT", "Who made it"},
    {'c', "change", OPTION_LIST, AT(change_list), "INSTRUCTION",
     "Apply a Dockerfile instruction to the image's config"},
    {0, "index", OPTION_INTEGER, AT(index), "NUMBER", "Of this container of the service"},
    {'m', "message", OPTION_STRING, AT(message), "TEXT", "The comment in its history"},
    {'p', "pause", OPTION_FLAG, AT(pause), NULL, "Pause the container meanwhile (true)"},
    {0},
};
COMPOSE_VERB(commit)
const struct command command_compose_commit = {
    .name = "compose commit",
    .group = "Compose",
    .summary = "Make an image from what a container has written",
    .arguments = "[OPTIONS] SERVICE [NAME[:TAG]]",
    .options = commit_options,
    .values_size = sizeof(struct compose_values),
    .defaults = set_defaults,
    .min_arguments = 1,
    .max_arguments = 2,
    .run = commit_run,
};

static const struct option export_options[] = {
    {0, "index", OPTION_INTEGER, AT(index), "NUMBER", "Of this container of the service"},
    {'o', "output", OPTION_STRING, AT(output), "FILE",
     "Write to this file instead of standard output", COMPLETE_FILE},
    {0},
};
COMPOSE_VERB(export)
const struct command command_compose_export = {
    .name = "compose export",
    .group = "Compose",
    .summary = "Write a container's files to a tar archive",
    .arguments = "[OPTIONS] SERVICE",
    .options = export_options,
    .values_size = sizeof(struct compose_values),
    .min_arguments = 1,
    .max_arguments = 1,
    .run = export_run,
};
