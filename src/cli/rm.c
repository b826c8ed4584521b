// SPDX-License-Identifier: Apache-2.0
/* `cloison rm` */
#include "cli/commands.h"
#include "cli/each.h"
#include "engine/lifecycle.h"

struct rm_values {
    bool force, volumes;
};

static int rm_one(const struct engine *engine, const char *name, void *context, struct error **err)
{
    const struct rm_values *v = context;
    CLEANUP(error) struct error *mine = NULL;
    int r = engine_remove(engine, name, v->force, v->volumes, &mine);
    if (r < 0 && v->force && mine->kind == ERROR_NOT_FOUND) {
        error_print(mine, stderr); /* it is as gone as was wanted */
        return 1;
    }
    return r < 0 ? error_move(err, &mine, r) : 0;
}

static int rm_run(const struct command_context *context, void *values, int argc, char **argv,
                  struct error **err)
{
    return each_container(context, argc, argv, rm_one, values);
}

static const struct option rm_options[] = {
    {'f', "force", OPTION_FLAG, offsetof(struct rm_values, force), NULL, "Kill it when it runs"},
    {'v', "volumes", OPTION_FLAG, offsetof(struct rm_values, volumes), NULL,
     "Remove its anonymous volumes too"},
    {0},
};

const struct command command_rm = {
    .name = "rm",
    .group = "Containers",
    .summary = "Remove containers",
    .arguments = "[OPTIONS] CONTAINER [CONTAINER...]",
    .options = rm_options,
    .values_size = sizeof(struct rm_values),
    .min_arguments = 1,
    .max_arguments = -1,
    .argument_completion = COMPLETE_CONTAINER,
    .run = rm_run,
};
