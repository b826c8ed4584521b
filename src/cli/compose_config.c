// SPDX-License-Identifier: Apache-2.0
/* The verbs of `compose` that only read the files. */
#include "cli/commands.h"
#include "cli/compose.h"

struct config_values {
    const char *format, *output, *hash;
    bool services, volumes, networks, images, profiles, quiet, no_interpolate, environment;
};

static const struct option config_options[] = {
    {0, "environment", OPTION_FLAG, offsetof(struct config_values, environment), NULL,
     "Print the variables that files give for interpolation"},
    {0, "format", OPTION_STRING, offsetof(struct config_values, format), "FORMAT",
     "'yaml' (default) or 'json'", COMPLETE_WORDS, "yaml json"},
    {0, "hash", OPTION_STRING, offsetof(struct config_values, hash), "SERVICE[,SERVICE]",
     "Print the services' hashes; '*': all"},
    {0, "images", OPTION_FLAG, offsetof(struct config_values, images), NULL,
     "Print the images' names, one a line"},
    {0, "networks", OPTION_FLAG, offsetof(struct config_values, networks), NULL,
     "Print the networks' names, one a line"},
    {0, "no-interpolate", OPTION_FLAG, offsetof(struct config_values, no_interpolate), NULL,
     "Leave variables as they are written"},
    {'o', "output", OPTION_STRING, offsetof(struct config_values, output), "FILE",
     "Write to this file", COMPLETE_FILE},
    {0, "profiles", OPTION_FLAG, offsetof(struct config_values, profiles), NULL,
     "Print the profiles' names, one a line"},
    {'q', "quiet", OPTION_FLAG, offsetof(struct config_values, quiet), NULL,
     "Check only, print nothing"},
    {0, "services", OPTION_FLAG, offsetof(struct config_values, services), NULL,
     "Print the services' names, one a line"},
    {0, "volumes", OPTION_FLAG, offsetof(struct config_values, volumes), NULL,
     "Print the volumes' names, one a line"},
    {0},
};

static int config_run(const struct command_context *context, void *values, int argc, char **argv,
                      struct error **err)
{
    return compose_become(context, &command_compose_config, values, argc, argv, err);
}

/* Docker Compose's other name of it. */
static int convert_run(const struct command_context *context, void *values, int argc, char **argv,
                       struct error **err)
{
    return compose_become(context, &command_compose_convert, values, argc, argv, err);
}

const struct command command_compose_convert = {
    .name = "compose convert",
    .group = "Compose",
    .summary = "Print the project as it is understood, as 'config' does",
    .arguments = "[OPTIONS] [SERVICE...]",
    .options = config_options,
    .values_size = sizeof(struct config_values),
    .max_arguments = -1,
    .run = convert_run,
};

const struct command command_compose_config = {
    .name = "compose config",
    .group = "Compose",
    .summary = "Print the project as it is understood",
    .arguments = "[OPTIONS] [SERVICE...]",
    .options = config_options,
    .values_size = sizeof(struct config_values),
    .max_arguments = -1,
    .run = config_run,
};
