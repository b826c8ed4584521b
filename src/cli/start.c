// SPDX-License-Identifier: Apache-2.0
/* `cloison start` */
#include "cli/commands.h"
#include "cli/each.h"
#include "engine/lifecycle.h"

struct start_values {
    bool attach, interactive;
    const char *detach_keys;
};

static int start_one(const struct engine *engine, const char *name, void *context,
                     struct error **err)
{
    return engine_start(engine, name, &(struct start_options){0}, err);
}

static int start_run(const struct command_context *context, void *values, int argc, char **argv,
                     struct error **err)
{
    const struct start_values *v = values;
    if (!v->attach && !v->interactive) {
        return each_container(context, argc, argv, start_one, NULL);
    }
    if (argc > 1) {
        return error_set(err, ERROR_USAGE, 0, "only one container can be attached to at a time");
    }
    struct engine engine = engine_of(context);
    struct start_options o = {
        .attach = true, .interactive = v->interactive, .detach_keys = v->detach_keys};
    return engine_start(&engine, argv[0], &o, err);
}

static const struct option start_options[] = {
    {'a', "attach", OPTION_FLAG, offsetof(struct start_values, attach), NULL,
     "Attach its output, and wait for its end"},
    {0, "detach-keys", OPTION_STRING, offsetof(struct start_values, detach_keys), "KEYS",
     "Keys that detach (ctrl-p,ctrl-q)"},
    {'i', "interactive", OPTION_FLAG, offsetof(struct start_values, interactive), NULL,
     "Attach its standard input too"},
    {0},
};

const struct command command_start = {
    .name = "start",
    .group = "Containers",
    .summary = "Start stopped containers",
    .arguments = "[OPTIONS] CONTAINER [CONTAINER...]",
    .options = start_options,
    .values_size = sizeof(struct start_values),
    .min_arguments = 1,
    .max_arguments = -1,
    .argument_completion = COMPLETE_CONTAINER,
    .run = start_run,
};
