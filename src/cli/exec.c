// SPDX-License-Identifier: Apache-2.0
/* `cloison exec` */
#include "engine/exec.h"
#include "cli/commands.h"
#include "cli/engine_of.h"

static int exec_run(const struct command_context *context, void *values, int argc, char **argv,
                    struct error **err)
{
    struct exec_request *request = values;
    struct engine engine = engine_of(context);
    for (int i = 1; i < argc; i++) {
        strv_add(&request->command, argv[i]);
    }
    int r = engine_exec(&engine, argv[0], request, err);
    strv_done(&request->command);
    return r;
}

#define AT(member) offsetof(struct exec_request, member)
static const struct option exec_options[] = {
    {'d', "detach", OPTION_FLAG, AT(detach), NULL, "Run it in the background"},
    {0, "detach-keys", OPTION_STRING, AT(detach_keys), "KEYS", "Keys that detach (ctrl-p,ctrl-q)"},
    {'e', "env", OPTION_LIST, AT(env), "KEY=VALUE", "Set an environment variable"},
    {0, "env-file", OPTION_LIST, AT(env_files), "FILE", "Read environment variables from a file",
     COMPLETE_FILE},
    {'i', "interactive", OPTION_FLAG, AT(interactive), NULL, "Keep standard input open"},
    {0, "privileged", OPTION_FLAG, AT(privileged), NULL, "Give it all capabilities"},
    {'t', "tty", OPTION_FLAG, AT(tty), NULL, "Give it a terminal"},
    {'u', "user", OPTION_STRING, AT(user), "USER[:GROUP]", "Run as this user, by name or number"},
    {'w', "workdir", OPTION_STRING, AT(workdir), "FOLDER", "Start in this folder"},
    {0},
};

const struct command command_exec = {
    .name = "exec",
    .group = "Containers",
    .summary = "Run another command in a running container",
    .arguments = "[OPTIONS] CONTAINER COMMAND [ARG...]",
    .options = exec_options,
    .values_size = sizeof(struct exec_request),
    .min_arguments = 2,
    .max_arguments = -1,
    .options_end_at_argument = true,
    .argument_completion = COMPLETE_CONTAINER,
    .run = exec_run,
};
