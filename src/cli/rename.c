// SPDX-License-Identifier: Apache-2.0
/* `cloison rename` */
#include "cli/commands.h"
#include "cli/engine_of.h"
#include "engine/lifecycle.h"

static int rename_run(const struct command_context *context, void *values, int argc, char **argv,
                      struct error **err)
{
    struct engine engine = engine_of(context);
    return engine_rename(&engine, argv[0], argv[1], err);
}

static const struct option rename_options[] = {{0}};

const struct command command_rename = {
    .name = "rename",
    .group = "Containers",
    .summary = "Give a container another name",
    .arguments = "CONTAINER NAME",
    .options = rename_options,
    .values_size = 1,
    .min_arguments = 2,
    .max_arguments = 2,
    .argument_completion = COMPLETE_CONTAINER,
    .run = rename_run,
};
