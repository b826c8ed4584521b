// SPDX-License-Identifier: Apache-2.0
/* `cloison-oci describe`: all commands and options as JSON, from which the completions and the man
 * page are made. */
#include "oci/oci.h"

static int describe_run(const struct command_context *context, void *values, int argc, char **argv,
                        struct error **err)
{
    CLEANUP(free) char *text = commands_describe(&oci_global, oci_commands);
    if (!text) {
        return error_set(err, ERROR_INTERNAL, 0, "a command's description is not valid UTF-8");
    }
    printf("%s\n", text);
    return 0;
}

static const struct option describe_options[] = {
    {0, "json", OPTION_FLAG, 0, NULL, "Print JSON (the only form there is)",
     .origin = FROM_CLOISON},
    {0},
};

const struct command oci_describe = {
    .name = "describe",
    .group = "Commands",
    .summary = "Print all commands and their options for programs",
    .arguments = "--json",
    .options = describe_options,
    .values_size = sizeof(bool),
    .run = describe_run,
    .hidden = true,
};
