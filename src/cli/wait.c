// SPDX-License-Identifier: Apache-2.0
/* `cloison wait`: prints each one's exit code, in the order in which they were named. */
#include "cli/commands.h"
#include "cli/engine_of.h"
#include "engine/lifecycle.h"

static int wait_run(const struct command_context *context, void *values, int argc, char **argv,
                    struct error **err)
{
    struct engine engine = engine_of(context);
    int status = 0;
    for (int i = 0; i < argc; i++) {
        CLEANUP(error) struct error *e = NULL;
        int code = 0;
        if (engine_wait(&engine, argv[i], &code, &e) < 0) {
            error_print(e, stderr); /* the rest is waited for all the same */
            status = 1;
        } else {
            printf("%d\n", code);
            fflush(stdout); /* a failure shows in main's own */
        }
    }
    return status;
}

static const struct option wait_options[] = {{0}};

const struct command command_wait = {
    .name = "wait",
    .group = "Containers",
    .summary = "Wait for containers to end; print their exit codes",
    .arguments = "CONTAINER [CONTAINER...]",
    .options = wait_options,
    .values_size = 1,
    .min_arguments = 1,
    .max_arguments = -1,
    .argument_completion = COMPLETE_CONTAINER,
    .run = wait_run,
};
