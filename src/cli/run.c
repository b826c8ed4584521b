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
    int r = engine_run(&engine, &v->request, err);
    strv_done(&v->request.command);
    return r;
}

const struct command command_run = {
    .name = "run",
    .group = "Containers",
    .summary = "Make a container from an image and start it",
    .arguments = "[OPTIONS] IMAGE [COMMAND] [ARG...]",
    .options = run_options,
    .values_size = sizeof(struct run_values),
    .defaults = run_values_defaults,
    .min_arguments = 1,
    .max_arguments = -1,
    .options_end_at_argument = true,
    .argument_completion = COMPLETE_IMAGE,
    .run = run_run,
    .failure_status = 125,
};
