// SPDX-License-Identifier: Apache-2.0
/* `cloison pause` */
#include "cli/commands.h"
#include "cli/each.h"
#include "engine/lifecycle.h"

static int pause_one(const struct engine *engine, const char *name, void *context,
                     struct error **err)
{
    return engine_pause(engine, name, true, err);
}

static int pause_run(const struct command_context *context, void *values, int argc, char **argv,
                     struct error **err)
{
    return each_container(context, argc, argv, pause_one, NULL);
}

static const struct option pause_options[] = {{0}};

const struct command command_pause = {
    .name = "pause",
    .group = "Containers",
    .summary = "Freeze all processes of containers",
    .arguments = "CONTAINER [CONTAINER...]",
    .options = pause_options,
    .values_size = 1,
    .min_arguments = 1,
    .max_arguments = -1,
    .argument_completion = COMPLETE_CONTAINER,
    .run = pause_run,
};
