// SPDX-License-Identifier: Apache-2.0
/* `cloison compose`: its verbs' rows, and handing them over to the program cloison-compose
 * (libexec), which alone links the YAML library. It takes one argument, a JSON request:
 *     {"verb": "up", "dataDir", "runDir", "config", "debug", "options": {by long name},
 *      "arguments": […]}
 * Its result goes to standard output; a failure is one line on standard error. */
#pragma once

#include "base/options.h"

struct compose_globals { /* in front of the verb */
    struct strv files, env_files, profiles;
    const char *project_name, *project_directory, *ansi, *progress;
    struct option_integer parallel;
    bool all_resources;
};
extern const struct option compose_global_options[];

/* A verb's run: NAME_run() of command_compose_NAME. */
#define COMPOSE_VERB(name)                                                                         \
    static int name##_run(const struct command_context *context, void *values, int argc,           \
                          char **argv, struct error **err)                                         \
    {                                                                                              \
        return compose_become(context, &command_compose_##name, values, argc, argv, err);          \
    }

/* For `system boot`: starts those containers of a project that its machine's end stopped, what they
 * need first. `files` are parted by commas, as in the label. Returns an exit status, or a negative
 * errno. */
int compose_boot(const struct command_context *context, const char *project, const char *directory,
                 const char *files, struct error **err) NODISCARD;

/* Becomes cloison-compose. */
int compose_become(const struct command_context *context, const struct command *command,
                   const void *values, int argc, char **argv, struct error **err) NODISCARD;
