// SPDX-License-Identifier: Apache-2.0
/* The verbs of `compose` on containers: rows; the program cloison-compose does them. */
#include "cli/commands.h"
#include "cli/compose.h"

struct compose_values {
    const char *entrypoint, *exit_code_from, *format, *name, *policy, *pull, *rmi, *user, *workdir;
    struct strv attach_list, build_arg_list, cap_add_list, cap_drop_list, env_list, env_file_list,
        label_list, no_attach_list, publish_list, scale_list, ssh_list, volume_list;
    struct option_integer index, timeout, wait_timeout;
    bool abort_on_container_failure, always_recreate_deps, attach_dependencies, check,
        ignore_buildable, include_deps, interactive, push_flag, quiet_build, quiet_pull,
        with_dependencies, yes;
    bool build, no_build, no_cache, pull_flag, abort_on_container_exit, detach, force_recreate,
        ignore_pull_failures, ignore_push_failures, no_color, no_deps, no_log_prefix, no_recreate,
        no_start, no_tty, privileged, quiet, remove_orphans, renew_anon_volumes, rm, service_ports,
        short_form, timestamps, use_aliases, volumes, wait, watch, no_up;
};
#define AT(member) offsetof(struct compose_values, member)

static void run_defaults(void *values)
{
    struct compose_values *v = values;
    v->interactive = true;
}

static const struct option up_options[] = {
    {0, "abort-on-container-exit", OPTION_FLAG, AT(abort_on_container_exit), NULL,
     "Stop all when one container ends"},
    {0, "abort-on-container-failure", OPTION_FLAG, AT(abort_on_container_failure), NULL,
     "Stop all when one container fails"},
    {0, "always-recreate-deps", OPTION_FLAG, AT(always_recreate_deps), NULL,
     "Make the containers anew that the services named need"},
    {0, "attach", OPTION_LIST, AT(attach_list), "SERVICE", "Print the logs of this service alone"},
    {0, "attach-dependencies", OPTION_FLAG, AT(attach_dependencies), NULL,
     "Print the logs of what the services need, too"},
    {'d', "detach", OPTION_FLAG, AT(detach), NULL, "Leave the containers in the background"},
    {0, "exit-code-from", OPTION_STRING, AT(exit_code_from), "SERVICE",
     "Exit with this service's code; implies --abort-on-container-exit"},
    {0, "build", OPTION_FLAG, AT(build), NULL, "Build the images of services that have a build"},
    {0, "force-recreate", OPTION_FLAG, AT(force_recreate), NULL,
     "Make containers anew that have not changed"},
    {0, "no-attach", OPTION_LIST, AT(no_attach_list), "SERVICE",
     "Do not print the logs of this service"},
    {0, "no-color", OPTION_FLAG, AT(no_color), NULL, "Print no colours"},
    {0, "no-deps", OPTION_FLAG, AT(no_deps), NULL, "Leave out what the services need"},
    {0, "no-log-prefix", OPTION_FLAG, AT(no_log_prefix), NULL,
     "Print no containers' names before lines"},
    {0, "no-build", OPTION_FLAG, AT(no_build), NULL, "Build nothing: a missing image is an error"},
    {0, "no-recreate", OPTION_FLAG, AT(no_recreate), NULL, "Keep containers that have changed"},
    {0, "no-start", OPTION_FLAG, AT(no_start), NULL, "Make the containers, do not start them"},
    {0, "pull", OPTION_STRING, AT(pull), "POLICY", "'always', 'missing' or 'never'"},
    {0, "quiet-build", OPTION_FLAG, AT(quiet_build), NULL, "Print no progress of builds"},
    {0, "quiet-pull", OPTION_FLAG, AT(quiet_pull), NULL, "Print no progress of downloads"},
    {0, "remove-orphans", OPTION_FLAG, AT(remove_orphans), NULL,
     "Remove containers of services that the file no longer has"},
    {'V', "renew-anon-volumes", OPTION_FLAG, AT(renew_anon_volumes), NULL,
     "Do not keep anonymous volumes"},
    {0, "scale", OPTION_LIST, AT(scale_list), "SERVICE=NUMBER",
     "How many containers the service has"},
    {'t', "timeout", OPTION_INTEGER, AT(timeout), "SECONDS", "How long a container has to end"},
    {0, "timestamps", OPTION_FLAG, AT(timestamps), NULL, "Print when each line was written"},
    {'w', "watch", OPTION_FLAG, AT(watch), NULL, "Do what 'develop.watch' says when files change"},
    {0, "wait", OPTION_FLAG, AT(wait), NULL, "Until all run, or are healthy; implies --detach"},
    {0, "wait-timeout", OPTION_INTEGER, AT(wait_timeout), "SECONDS", "How long --wait waits"},
    {'y', "yes", OPTION_FLAG, AT(yes), NULL, "Ask nothing; it never does"},
    {0},
};
COMPOSE_VERB(up)
const struct command command_compose_up = {
    .name = "compose up",
    .group = "Compose",
    .summary = "Make and start the services",
    .arguments = "[OPTIONS] [SERVICE...]",
    .options = up_options,
    .values_size = sizeof(struct compose_values),
    .min_arguments = 0,
    .max_arguments = -1,
    .run = up_run,
};

static const struct option watch_options[] = {
    {0, "no-up", OPTION_FLAG, AT(no_up), NULL, "Do not bring the services up first"},
    {0},
};
COMPOSE_VERB(watch)
const struct command command_compose_watch = {
    .name = "compose watch",
    .group = "Compose",
    .summary = "Bring services up and follow changes of files",
    .arguments = "[OPTIONS] [SERVICE...]",
    .options = watch_options,
    .values_size = sizeof(struct compose_values),
    .min_arguments = 0,
    .max_arguments = -1,
    .run = watch_run,
};

static const struct option create_options[] = {
    {0, "build", OPTION_FLAG, AT(build), NULL, "Build the images of services that have a build"},
    {0, "force-recreate", OPTION_FLAG, AT(force_recreate), NULL,
     "Make containers anew that have not changed"},
    {0, "no-build", OPTION_FLAG, AT(no_build), NULL, "Build nothing: a missing image is an error"},
    {0, "no-recreate", OPTION_FLAG, AT(no_recreate), NULL, "Keep containers that have changed"},
    {0, "pull", OPTION_STRING, AT(pull), "POLICY", "'always', 'missing' or 'never'"},
    {0, "quiet-pull", OPTION_FLAG, AT(quiet_pull), NULL, "Print no progress of downloads"},
    {0, "remove-orphans", OPTION_FLAG, AT(remove_orphans), NULL,
     "Remove containers of services that the file no longer has"},
    {0, "scale", OPTION_LIST, AT(scale_list), "SERVICE=NUMBER",
     "How many containers the service has"},
    {'y', "yes", OPTION_FLAG, AT(yes), NULL, "Ask nothing; it never does"},
    {0},
};
COMPOSE_VERB(create)
const struct command command_compose_create = {
    .name = "compose create",
    .group = "Compose",
    .summary = "Make the containers without starting them",
    .arguments = "[OPTIONS] [SERVICE...]",
    .options = create_options,
    .values_size = sizeof(struct compose_values),
    .min_arguments = 0,
    .max_arguments = -1,
    .run = create_run,
};

static const struct option down_options[] = {
    {0, "remove-orphans", OPTION_FLAG, AT(remove_orphans), NULL,
     "Remove containers of services that the file no longer has"},
    {0, "rmi", OPTION_STRING, AT(rmi), "WHICH",
     "Remove images: 'all', or 'local' for those without a name of the file's"},
    {'t', "timeout", OPTION_INTEGER, AT(timeout), "SECONDS", "How long a container has to end"},
    {'v', "volumes", OPTION_FLAG, AT(volumes), NULL, "Remove the volumes of the file, too"},
    {0},
};
COMPOSE_VERB(down)
const struct command command_compose_down = {
    .name = "compose down",
    .group = "Compose",
    .summary = "Stop and remove containers and networks",
    .arguments = "[OPTIONS] [SERVICE...]",
    .options = down_options,
    .values_size = sizeof(struct compose_values),
    .min_arguments = 0,
    .max_arguments = -1,
    .run = down_run,
};

static const struct option exec_options[] = {
    {'d', "detach", OPTION_FLAG, AT(detach), NULL, "Run it in the background"},
    {'e', "env", OPTION_LIST, AT(env_list), "KEY=VALUE", "Set an environment variable"},
    {0, "index", OPTION_INTEGER, AT(index), "NUMBER", "In this container of the service"},
    {'T', "no-tty", OPTION_FLAG, AT(no_tty), NULL, "Give it no terminal"},
    {0, "privileged", OPTION_FLAG, AT(privileged), NULL, "Give it all capabilities"},
    {'u', "user", OPTION_STRING, AT(user), "USER[:GROUP]", "Run as this user"},
    {'w', "workdir", OPTION_STRING, AT(workdir), "FOLDER", "Start in this folder"},
    {0},
};
COMPOSE_VERB(exec)
const struct command command_compose_exec = {
    .name = "compose exec",
    .group = "Compose",
    .summary = "Run a command in a running container",
    .arguments = "[OPTIONS] SERVICE COMMAND [ARG...]",
    .options = exec_options,
    .values_size = sizeof(struct compose_values),
    .min_arguments = 2,
    .max_arguments = -1,
    .options_end_at_argument = true,
    .run = exec_run,
};

static const struct option run_options[] = {
    {0, "build", OPTION_FLAG, AT(build), NULL, "Build the images of services that have a build"},
    {0, "cap-add", OPTION_LIST, AT(cap_add_list), "CAPABILITY", "Add a capability"},
    {0, "cap-drop", OPTION_LIST, AT(cap_drop_list), "CAPABILITY", "Drop a capability"},
    {'d', "detach", OPTION_FLAG, AT(detach), NULL, "Leave it in the background and print its ID"},
    {0, "entrypoint", OPTION_STRING, AT(entrypoint), "COMMAND",
     "Run this instead of the entrypoint"},
    {'e', "env", OPTION_LIST, AT(env_list), "KEY=VALUE", "Set an environment variable"},
    {0, "env-from-file", OPTION_LIST, AT(env_file_list), "FILE", "Environment variables of a file",
     COMPLETE_FILE},
    {'i', "interactive", OPTION_FLAG, AT(interactive), NULL, "Give it our input (true)"},
    {'l', "label", OPTION_LIST, AT(label_list), "KEY=VALUE", "Give it a label"},
    {0, "name", OPTION_STRING, AT(name), "NAME", "Its name"},
    {0, "no-deps", OPTION_FLAG, AT(no_deps), NULL, "Do not start what the service needs"},
    {'T', "no-tty", OPTION_FLAG, AT(no_tty), NULL, "Give it no terminal"},
    {'p', "publish", OPTION_LIST, AT(publish_list), "PORT", "Publish a port"},
    {0, "pull", OPTION_STRING, AT(pull), "POLICY", "'always', 'missing' or 'never'"},
    {'q', "quiet", OPTION_FLAG, AT(quiet), NULL, "Print nothing on standard output"},
    {0, "quiet-build", OPTION_FLAG, AT(quiet_build), NULL, "Print no progress of builds"},
    {0, "quiet-pull", OPTION_FLAG, AT(quiet_pull), NULL, "Print no progress of downloads"},
    {0, "remove-orphans", OPTION_FLAG, AT(remove_orphans), NULL,
     "Remove containers of services that the file no longer has"},
    {0, "rm", OPTION_FLAG, AT(rm), NULL, "Remove it when it has ended"},
    {'P', "service-ports", OPTION_FLAG, AT(service_ports), NULL, "Publish the service's ports"},
    {0, "use-aliases", OPTION_FLAG, AT(use_aliases), NULL, "Answer to the service's name"},
    {'u', "user", OPTION_STRING, AT(user), "USER[:GROUP]", "Run as this user"},
    {'v', "volume", OPTION_LIST, AT(volume_list), "VOLUME", "Mount a volume or folder"},
    {'w', "workdir", OPTION_STRING, AT(workdir), "FOLDER", "Start in this folder"},
    {0},
};
COMPOSE_VERB(run)
const struct command command_compose_run = {
    .name = "compose run",
    .group = "Compose",
    .summary = "Run a command in a new container of a service",
    .arguments = "[OPTIONS] SERVICE [COMMAND] [ARG...]",
    .options = run_options,
    .values_size = sizeof(struct compose_values),
    .defaults = run_defaults,
    .min_arguments = 1,
    .max_arguments = -1,
    .options_end_at_argument = true,
    .run = run_run,
};

static const struct option scale_options[] = {
    {0, "no-deps", OPTION_FLAG, AT(no_deps), NULL, "Leave out what the services need"},
    {0},
};
COMPOSE_VERB(scale)
const struct command command_compose_scale = {
    .name = "compose scale",
    .group = "Compose",
    .summary = "Change how many containers services have",
    .arguments = "SERVICE=NUMBER...",
    .options = scale_options,
    .values_size = sizeof(struct compose_values),
    .min_arguments = 1,
    .max_arguments = -1,
    .run = scale_run,
};

static const struct option pull_options[] = {
    {0, "ignore-buildable", OPTION_FLAG, AT(ignore_buildable), NULL, "Leave out what can be built"},
    {0, "ignore-pull-failures", OPTION_FLAG, AT(ignore_pull_failures), NULL,
     "Go on when one cannot be had"},
    {0, "include-deps", OPTION_FLAG, AT(include_deps), NULL, "Also of what the services need"},
    {0, "policy", OPTION_STRING, AT(policy), "POLICY",
     "'always' (default), or 'missing': what is here stays", COMPLETE_WORDS, "always missing"},
    {'q', "quiet", OPTION_FLAG, AT(quiet), NULL, "Print no progress"},
    {0},
};
COMPOSE_VERB(pull)
const struct command command_compose_pull = {
    .name = "compose pull",
    .group = "Compose",
    .summary = "Download the images of services",
    .arguments = "[OPTIONS] [SERVICE...]",
    .options = pull_options,
    .values_size = sizeof(struct compose_values),
    .min_arguments = 0,
    .max_arguments = -1,
    .run = pull_run,
};

static const struct option push_options[] = {
    {0, "ignore-push-failures", OPTION_FLAG, AT(ignore_push_failures), NULL,
     "Go on when one cannot be sent"},
    {0, "include-deps", OPTION_FLAG, AT(include_deps), NULL, "Also of what the services need"},
    {'q', "quiet", OPTION_FLAG, AT(quiet), NULL, "Print no progress"},
    {0},
};
COMPOSE_VERB(push)
const struct command command_compose_push = {
    .name = "compose push",
    .group = "Compose",
    .summary = "Upload the images that services build",
    .arguments = "[OPTIONS] [SERVICE...]",
    .options = push_options,
    .values_size = sizeof(struct compose_values),
    .min_arguments = 0,
    .max_arguments = -1,
    .run = push_run,
};

static const struct option version_options[] = {
    {'f', "format", OPTION_STRING, AT(format), "FORMAT", "'json', or nothing"},
    {0, "short", OPTION_FLAG, AT(short_form), NULL, "The number alone"},
    {0},
};
COMPOSE_VERB(version)
const struct command command_compose_version = {
    .name = "compose version",
    .group = "Compose",
    .summary = "Print the version",
    .arguments = "[OPTIONS]",
    .options = version_options,
    .values_size = sizeof(struct compose_values),
    .min_arguments = 0,
    .max_arguments = 0,
    .run = version_run,
};

static const struct option build_options[] = {
    {0, "build-arg", OPTION_LIST, AT(build_arg_list), "NAME[=VALUE]", "Set an ARG"},
    {0, "check", OPTION_FLAG, AT(check), NULL, "Look for mistakes; build nothing"},
    {0, "no-cache", OPTION_FLAG, AT(no_cache), NULL, "Take no step from the cache"},
    {0, "pull", OPTION_FLAG, AT(pull_flag), NULL, "Ask for newer base images"},
    {0, "push", OPTION_FLAG, AT(push_flag), NULL, "Upload the images"},
    {'q', "quiet", OPTION_FLAG, AT(quiet), NULL, "Print no progress"},
    {0, "ssh", OPTION_LIST, AT(ssh_list), "default|ID[=SOCKET|KEY]",
     "Let RUN --mount=type=ssh use the agent"},
    {0, "with-dependencies", OPTION_FLAG, AT(with_dependencies), NULL,
     "Also what the services need"},
    {0},
};
COMPOSE_VERB(build)
const struct command command_compose_build = {
    .name = "compose build",
    .group = "Compose",
    .summary = "Build the images of services",
    .arguments = "[OPTIONS] [SERVICE...]",
    .options = build_options,
    .values_size = sizeof(struct compose_values),
    .max_arguments = -1,
    .run = build_run,
};
