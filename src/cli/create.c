// SPDX-License-Identifier: Apache-2.0
/* `cloison create`: as run, without starting it. */
#include "cli/commands.h"
#include "cli/engine_of.h"
#include "cli/run_options.h"
#include "engine/run.h"

static int create_run(const struct command_context *context, void *values, int argc, char **argv,
                      struct error **err)
{
    struct run_values *v = values;
    struct engine engine = engine_of(context);
    run_values_arguments(v, argc, argv);
    int r = engine_create(&engine, &v->request, err);
    strv_done(&v->request.command);
    return r;
}

const struct command command_create = {
    .name = "create",
    .group = "Containers",
    .summary = "Make a container from an image without starting it",
    .arguments = "[OPTIONS] IMAGE [COMMAND] [ARG...]",
    .options = create_options,
    .values_size = sizeof(struct run_values),
    .defaults = run_values_defaults,
    .min_arguments = 1,
    .max_arguments = -1,
    .options_end_at_argument = true,
    .argument_completion = COMPLETE_IMAGE,
    .run = create_run,
    .failure_status = 125,
};
