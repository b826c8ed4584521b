// SPDX-License-Identifier: Apache-2.0
/* `cloison update`: other limits, another restart policy. */
#include "engine/update.h"

#include "cli/commands.h"
#include "cli/each.h"
#include "cli/run_options.h"

static int update_one(const struct engine *engine, const char *name, void *context,
                      struct error **err)
{
    return engine_update(engine, name, context, err);
}

static int update_run(const struct command_context *context, void *values, int argc, char **argv,
                      struct error **err)
{
    struct run_values *v = values;
    CLEANUP(json) json_t *changes = run_request_to_json(&v->request);
    if (json_object_size(changes) == 0) {
        int r = error_set(err, ERROR_USAGE, 0, "nothing is to be changed");
        return error_hint(err, r, "name a limit, such as --memory 64m, or --restart always");
    }
    return each_container(context, argc, argv, update_one, &v->request);
}

const struct command command_update = {
    .name = "update",
    .group = "Containers",
    .summary = "Change limits and the restart policy of containers",
    .arguments = "[OPTIONS] CONTAINER [CONTAINER...]",
    .options = update_options,
    .values_size = sizeof(struct run_values),
    .min_arguments = 1,
    .max_arguments = -1,
    .argument_completion = COMPLETE_CONTAINER,
    .run = update_run,
};
