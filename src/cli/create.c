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
    run_values_warn(v, &engine);
    int r = engine_create(&engine, &v->request, err);
    strv_done(&v->request.command);
    return r;
}

const struct command command_create = {
    .name = "create",
    .summary = "Make a container from an image without starting it",
    RUN_COMMAND,
    .options = create_options,
    .run = create_run,
};
