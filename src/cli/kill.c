// SPDX-License-Identifier: Apache-2.0
/* `cloison kill` */
#include "base/signals.h"
#include "cli/commands.h"
#include "cli/each.h"
#include "engine/lifecycle.h"

struct kill_values {
    const char *signal;
    int signal_number;
};

static int kill_one(const struct engine *engine, const char *name, void *context,
                    struct error **err)
{
    const struct kill_values *v = context;
    return engine_kill(engine, name, v->signal_number, err);
}

static int kill_run(const struct command_context *context, void *values, int argc, char **argv,
                    struct error **err)
{
    struct kill_values *v = values;
    int r = signal_parse(str_or(v->signal, "KILL"), &v->signal_number, err);
    return r < 0 ? r : each_container(context, argc, argv, kill_one, v);
}

static const struct option kill_options[] = {
    {'s', "signal", OPTION_STRING, offsetof(struct kill_values, signal), "SIGNAL",
     "Send this signal (KILL)", COMPLETE_SIGNAL},
    {0},
};

const struct command command_kill = {
    .name = "kill",
    .group = "Containers",
    .summary = "Send a signal to running containers",
    .arguments = "[OPTIONS] CONTAINER [CONTAINER...]",
    .options = kill_options,
    .values_size = sizeof(struct kill_values),
    .min_arguments = 1,
    .max_arguments = -1,
    .argument_completion = COMPLETE_CONTAINER,
    .run = kill_run,
};
