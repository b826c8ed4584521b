// SPDX-License-Identifier: Apache-2.0
/* `cloison describe`: all commands and options as JSON, from which the completions, the man pages
 * and the comparison with Docker's options are made. */
#include "cli/commands.h"

struct describe_values {
    bool json;
};

static int describe_run(const struct command_context *context, void *values, int argc, char **argv,
                        struct error **err)
{
    CLEANUP(free) char *text = commands_describe(&command_global, commands);
    if (!text) {
        return error_set(err, ERROR_INTERNAL, 0, "a command's description is not valid UTF-8");
    }
    printf("%s\n", text);
    return 0;
}

static const struct option describe_options[] = {
    {0, "json", OPTION_FLAG, offsetof(struct describe_values, json), NULL,
     "Print JSON (the only form there is)", .origin = FROM_CLOISON},
    {0},
};

const struct command command_describe = {
    .name = "describe",
    .group = "System",
    .summary = "Print all commands and their options for programs",
    .arguments = "--json",
    .options = describe_options,
    .values_size = sizeof(struct describe_values),
    .run = describe_run,
    .hidden = true,
};
