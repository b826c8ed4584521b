// SPDX-License-Identifier: Apache-2.0
/* `cloison tag`: the program cloison-image does it. */
#include "cli/commands.h"
#include "image/helper.h"

struct tag_values {
    char none;
};

static const struct option options[] = {
    {0},
};

static int run(const struct command_context *context, void *v, int argc, char **argv,
               struct error **err)
{
    CLEANUP(json) json_t *request = image_request("tag", context->data_dir, context->config_path);
    json_object_set_new(request, "source", json_string(argv[0]));
    json_object_set_new(request, "target", json_string(argv[1]));
    return image_helper_become(request, err);
}

const struct command command_tag = {
    .name = "tag",
    .group = "Images",
    .summary = "Give an image another name",
    .arguments = "IMAGE NAME[:TAG]",
    .options = options,
    .values_size = sizeof(struct tag_values),
    .min_arguments = 2,
    .max_arguments = 2,
    .argument_completion = COMPLETE_IMAGE,
    .run = run,
};
