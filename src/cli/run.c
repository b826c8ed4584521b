// SPDX-License-Identifier: Apache-2.0
/* `cloison run`: the options (run_options.c) become a request, engine/run.c does the rest. */
#include "engine/run.h"
#include "cli/commands.h"
#include "cli/engine_of.h"
#include "cli/run_options.h"

static int run_run(const struct command_context *context, void *values, int argc, char **argv,
                   struct error **err)
{
    struct run_values *v = values;
    struct engine engine = engine_of(context);
    run_values_arguments(v, argc, argv);
    run_values_warn(v, &engine);
    int r = engine_run(&engine, &v->request, err);
    strv_done(&v->request.command);
    return r;
}

const struct command command_run = {
    .name = "run",
    .summary = "Make a container from an image and start it",
    RUN_COMMAND,
    .options = run_options,
    .run = run_run,
};
