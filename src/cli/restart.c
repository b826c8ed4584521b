// SPDX-License-Identifier: Apache-2.0
/* `cloison restart` */
#include "base/signals.h"
#include "cli/commands.h"
#include "cli/each.h"
#include "engine/lifecycle.h"

struct restart_values {
    struct option_integer timeout, time; /* seconds; the second is Docker's older name */
    const char *signal;
    int signal_number;
};

static int restart_one(const struct engine *engine, const char *name, void *context,
                       struct error **err)
{
    const struct restart_values *v = context;
    const struct option_integer *t = v->timeout.set ? &v->timeout : &v->time;
    return engine_restart(engine, name, t->set ? (int)t->value : STOP_TIMEOUT_OWN, v->signal_number,
                          err);
}

static int restart_run(const struct command_context *context, void *values, int argc, char **argv,
                       struct error **err)
{
    struct restart_values *v = values;
    int r = v->signal ? signal_parse(v->signal, &v->signal_number, err) : 0;
    return r < 0 ? r : each_container(context, argc, argv, restart_one, v);
}

static const struct option restart_options[] = {
    {'s', "signal", OPTION_STRING, offsetof(struct restart_values, signal), "SIGNAL",
     "Ask it to stop with this signal", COMPLETE_SIGNAL},
    {'t', "timeout", OPTION_INTEGER, offsetof(struct restart_values, timeout), "SECONDS",
     "Kill it after this time; -1: never"},
    {0, "time", OPTION_INTEGER, offsetof(struct restart_values, time), "SECONDS", "As --timeout",
     .hidden = true},
    {0},
};

const struct command command_restart = {
    .name = "restart",
    .group = "Containers",
    .summary = "Stop and start containers again",
    .arguments = "[OPTIONS] CONTAINER [CONTAINER...]",
    .options = restart_options,
    .values_size = sizeof(struct restart_values),
    .min_arguments = 1,
    .max_arguments = -1,
    .argument_completion = COMPLETE_CONTAINER,
    .run = restart_run,
};
