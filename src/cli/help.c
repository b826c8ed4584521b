// SPDX-License-Identifier: Apache-2.0
#include "cli/commands.h"

static int help_run(const struct command_context *context, void *values, int argc, char **argv,
                    struct error **err)
{
    if (argc == 0) {
        commands_print_help(NULL, stdout);
        return 0;
    }
    int words = 0;
    const struct command *command = command_find(argc, argv, &words);
    if (command) {
        options_print_help(command, error_program(), stdout);
    } else if (command_is_noun(argv[0]) && argc == 1) {
        commands_print_help(argv[0], stdout);
    } else {
        return command_unknown(argc, argv, err);
    }
    return 0;
}

const struct command command_help = {
    .name = "help",
    .group = "System",
    .summary = "Print help about a command",
    .arguments = "[COMMAND]",
    .max_arguments = 2,
    .argument_completion = COMPLETE_COMMAND,
    .run = help_run,
};
