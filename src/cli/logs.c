// SPDX-License-Identifier: Apache-2.0
/* `cloison logs` */
#include "engine/logs.h"
#include "cli/commands.h"
#include "cli/engine_of.h"

struct logs_values {
    bool follow, timestamps, details;
    const char *tail, *since, *until;
};

static int tail_parse(const char *text, int64_t *ret, struct error **err)
{
    *ret = -1;
    if (!text || str_equal(text, "all") || (str_to_i64(text, 10, ret) == 0 && *ret >= -1)) {
        return 0;
    }
    return error_set(err, ERROR_USAGE, 0, "--tail '%s': write a number, or all", text);
}

static int logs_run(const struct command_context *context, void *values, int argc, char **argv,
                    struct error **err)
{
    const struct logs_values *v = values;
    struct engine engine = engine_of(context);
    struct logs_options o = {
        .follow = v->follow, .timestamps = v->timestamps, .details = v->details};
    int r = tail_parse(v->tail, &o.tail, err);
    if (r == 0 && v->since) {
        r = logs_time_parse(v->since, &o.since, err);
    }
    if (r == 0 && v->until) {
        r = logs_time_parse(v->until, &o.until, err);
    }
    return r < 0 ? r : engine_logs(&engine, argv[0], &o, err);
}

static const struct option logs_options[] = {
    {0, "details", OPTION_FLAG, offsetof(struct logs_values, details), NULL,
     "Show the attributes of the log driver"},
    {'f', "follow", OPTION_FLAG, offsetof(struct logs_values, follow), NULL,
     "Wait for more, until the container ends"},
    {0, "since", OPTION_STRING, offsetof(struct logs_values, since), "TIME",
     "From this time on: RFC 3339, seconds, or 10m ago"},
    {'n', "tail", OPTION_STRING, offsetof(struct logs_values, tail), "COUNT",
     "The last lines alone"},
    {'t', "timestamps", OPTION_FLAG, offsetof(struct logs_values, timestamps), NULL,
     "Show when each line was written"},
    {0, "until", OPTION_STRING, offsetof(struct logs_values, until), "TIME",
     "Up to this time: RFC 3339, seconds, or 10m ago"},
    {0},
};

const struct command command_logs = {
    .name = "logs",
    .group = "Containers",
    .summary = "Print what a container wrote",
    .arguments = "[OPTIONS] CONTAINER",
    .options = logs_options,
    .values_size = sizeof(struct logs_values),
    .min_arguments = 1,
    .max_arguments = 1,
    .argument_completion = COMPLETE_CONTAINER,
    .run = logs_run,
};
