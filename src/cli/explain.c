// SPDX-License-Identifier: Apache-2.0
/* `cloison explain run …`: what `run` with the same options would do, without doing it. */
#include "cli/commands.h"
#include "cli/engine_of.h"
#include "cli/run_options.h"
#include "engine/run.h"

static int stage_parse(const char *text, enum explain_stage *ret, struct error **err)
{
    static const char *const names[] = {
        [EXPLAIN_REQUEST] = "request", [EXPLAIN_SPEC] = "spec", [EXPLAIN_PLAN] = "plan"};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (str_equal(text, names[i])) {
            *ret = (enum explain_stage)i;
            return 0;
        }
    }
    return error_set(err, ERROR_USAGE, 0, "unknown stage '%s': there are request, spec and plan",
                     text);
}

static int explain_run(const struct command_context *context, void *values, int argc, char **argv,
                       struct error **err)
{
    struct run_values *v = values;
    struct engine engine = engine_of(context);
    enum explain_stage stage = EXPLAIN_PLAN;
    CLEANUP(strbuf) struct strbuf out = {0};
    int r = stage_parse(str_or(v->stage, "plan"), &stage, err);
    if (r == 0 && v->format && !str_equal(v->format, "text") && !str_equal(v->format, "json")) {
        r = error_set(err, ERROR_USAGE, 0, "unknown format '%s': there are text and json",
                      v->format);
    }
    if (r < 0) {
        return r;
    }
    run_values_arguments(v, argc, argv);
    r = engine_explain(&engine, &v->request, stage, str_equal(v->format, "json"), &out, err);
    strv_done(&v->request.command);
    if (r == 0) {
        fputs(str_or(out.data, ""), stdout);
    }
    return r;
}

const struct command command_explain_run = {
    .name = "explain run",
    .summary = "Show what run would do, without doing it",
    RUN_COMMAND,
    .options = explain_options,
    .run = explain_run,
};

/* `explain --stage spec run …`: the same with explain's own options in front. */
static int explain_first(const struct command_context *context, void *values, int argc, char **argv,
                         struct error **err)
{
    const struct run_values *before = values;
    CLEANUP(strv) struct strv line = {0};
    if (!str_equal(argv[0], "run")) {
        return error_set(err, ERROR_USAGE, 0, "'%s' cannot be explained: only run can", argv[0]);
    }
    if (before->stage) {
        strv_addf(&line, "--stage=%s", before->stage);
    }
    if (before->format) {
        strv_addf(&line, "--format=%s", before->format);
    }
    for (int i = 1; i < argc; i++) {
        strv_add(&line, argv[i]);
    }
    return command_execute(&command_explain_run, context, (int)line.count, line.items, err);
}

static const struct option explain_first_options[] = {EXPLAIN_ROWS, {0}};

const struct command command_explain = {
    .name = "explain",
    .group = "Containers",
    .summary = "Show what another command would do",
    .arguments = "[OPTIONS] run [RUN-OPTIONS] IMAGE [COMMAND] [ARG...]",
    .options = explain_first_options,
    .values_size = sizeof(struct run_values),
    .min_arguments = 1,
    .max_arguments = -1,
    .options_end_at_argument = true,
    .run = explain_first,
    .failure_status = 125,
    .hidden = true,
};
