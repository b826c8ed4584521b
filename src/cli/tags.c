// SPDX-License-Identifier: Apache-2.0
/* `cloison tags`: the program cloison-image does it. */
#include "cli/commands.h"
#include "image/helper.h"

static const struct option no_options[] = {{0}};

static int run(const struct command_context *context, void *v, int argc, char **argv,
               struct error **err)
{
    CLEANUP(json)
    json_t *request = image_request("tags", context->data_dir, context->config_path);
    json_object_set_new(request, "reference", json_string(argv[0]));
    return image_helper_become(request, err);
}

const struct command command_tags = {
    .name = "tags",
    .group = "Images",
    .summary = "List the tags of a repository in a registry",
    .arguments = "NAME",
    .options = no_options,
    .min_arguments = 1,
    .max_arguments = 1,
    .argument_completion = COMPLETE_IMAGE,
    .run = run,
};
