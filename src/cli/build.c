// SPDX-License-Identifier: Apache-2.0
/* `cloison build`: the options; the program cloison-build does the rest. */
#include <errno.h>

#include "base/json.h"
#include "base/paths.h"
#include "build/options.h"
#include "cli/commands.h"

#define PROGRAM "cloison-build"

static int run(const struct command_context *context, void *values, int argc, char **argv,
               struct error **err)
{
    const struct build_options *o = values;
    CLEANUP(json)
    json_t *request = json_pack("{s:s, s:s, s:s, s:s, s:o}", "dataDir", context->data_dir, "runDir",
                                context->run_dir, "config", context->config_path, "context",
                                argv[0], "options", build_options_to_json(o));
    CLEANUP(free) char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
    if (!text) {
        return error_set(err, ERROR_USAGE, 0, "an argument is not valid UTF-8");
    }
    CLEANUP(free) char *path = program_path(PROGRAM);
    fflush(NULL);
    char *const arguments[] = {(char *)PROGRAM, text, NULL};
    execv(path, arguments);
    int r = error_set_errno(err, ERROR_KERNEL, errno, "executing '%s'", path);
    return error_hint(err, r, "is cloison installed whole?");
}

const struct command command_build = {
    .name = "build",
    .group = "Images",
    .summary = "Build an image from a Dockerfile",
    .arguments = "[OPTIONS] FOLDER|ARCHIVE|URL|-",
    .options = build_options,
    .values_size = sizeof(struct build_options),
    .defaults = build_options_defaults,
    .min_arguments = 1,
    .max_arguments = 1,
    .argument_completion = COMPLETE_FOLDER,
    .run = run,
};
