// SPDX-License-Identifier: Apache-2.0
/* `cloison unpause` */
#include "cli/commands.h"
#include "cli/each.h"
#include "engine/lifecycle.h"

static int unpause_one(const struct engine *engine, const char *name, void *context,
                       struct error **err)
{
    return engine_pause(engine, name, false, err);
}

static int unpause_run(const struct command_context *context, void *values, int argc, char **argv,
                       struct error **err)
{
    return each_container(context, argc, argv, unpause_one, NULL);
}

static const struct option unpause_options[] = {{0}};

const struct command command_unpause = {
    .name = "unpause",
    .group = "Containers",
    .summary = "Let frozen containers go on",
    .arguments = "CONTAINER [CONTAINER...]",
    .options = unpause_options,
    .values_size = 1,
    .min_arguments = 1,
    .max_arguments = -1,
    .argument_completion = COMPLETE_CONTAINER,
    .run = unpause_run,
};
