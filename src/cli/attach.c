// SPDX-License-Identifier: Apache-2.0
/* `cloison attach` */
#include "cli/commands.h"
#include "cli/engine_of.h"
#include "engine/lifecycle.h"

struct attach_values {
    bool no_stdin, sig_proxy;
    const char *detach_keys;
};

static void attach_defaults(void *values)
{
    struct attach_values *v = values;
    v->sig_proxy = true;
}

static int attach_run(const struct command_context *context, void *values, int argc, char **argv,
                      struct error **err)
{
    const struct attach_values *v = values;
    struct engine engine = engine_of(context);
    struct attach_options o = {v->no_stdin, v->sig_proxy, v->detach_keys};
    return engine_attach(&engine, argv[0], &o, err);
}

static const struct option attach_options[] = {
    {0, "detach-keys", OPTION_STRING, offsetof(struct attach_values, detach_keys), "KEYS",
     "Keys that detach (ctrl-p,ctrl-q)"},
    {0, "no-stdin", OPTION_FLAG, offsetof(struct attach_values, no_stdin), NULL,
     "Do not attach standard input"},
    {0, "sig-proxy", OPTION_FLAG, offsetof(struct attach_values, sig_proxy), NULL,
     "Forward signals to it (true)"},
    {0},
};

const struct command command_attach = {
    .name = "attach",
    .group = "Containers",
    .summary = "Connect the terminal to a running container",
    .arguments = "[OPTIONS] CONTAINER",
    .options = attach_options,
    .values_size = sizeof(struct attach_values),
    .defaults = attach_defaults,
    .min_arguments = 1,
    .max_arguments = 1,
    .argument_completion = COMPLETE_CONTAINER,
    .run = attach_run,
};
