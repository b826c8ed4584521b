// SPDX-License-Identifier: Apache-2.0
/* `cloison export`: the program cloison-image writes the archive. */
#include "cli/commands.h"
#include "cli/engine_of.h"
#include "cli/helper_folder.h"
#include "engine/recover.h"
#include "engine/rootfs.h"

struct export_values {
    const char *output;
};

static const struct option options[] = {
    {'o', "output", OPTION_STRING, offsetof(struct export_values, output), "FILE",
     "Write to this file instead of standard output", COMPLETE_FILE},
    {0},
};

static int run(const struct command_context *context, void *values, int argc, char **argv,
               struct error **err)
{
    const struct export_values *v = values;
    struct engine engine = engine_of(context);
    CLEANUP(container) struct container *c = NULL;
    CLEANUP(fd) int root = -1;
    int r = container_find_recovered(&engine, argv[0], &c, err);
    if (r >= 0) {
        r = root = rootfs_open(&engine, c, false, err);
    }
    if (r < 0) {
        return r;
    }
    CLEANUP(json)
    json_t *request = image_request("export", context->data_dir, context->config_path);
    if (v->output) {
        json_object_set_new(request, "output", json_string(v->output));
    }
    return helper_become_with_folder(request, root, err);
}

const struct command command_export = {
    .name = "export",
    .group = "Containers",
    .summary = "Write a container's files to a tar archive",
    .arguments = "[OPTIONS] CONTAINER",
    .options = options,
    .values_size = sizeof(struct export_values),
    .min_arguments = 1,
    .max_arguments = 1,
    .argument_completion = COMPLETE_CONTAINER,
    .run = run,
};
