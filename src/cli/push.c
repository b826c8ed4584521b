// SPDX-License-Identifier: Apache-2.0
/* `cloison push`: the program cloison-image does it. */
#include "cli/commands.h"
#include "image/helper.h"

struct push_values {
    bool quiet, all_tags;
};

static const struct option options[] = {
    {'a', "all-tags", OPTION_FLAG, offsetof(struct push_values, all_tags), NULL,
     "Push every tag of the repository that is here"},
    {'q', "quiet", OPTION_FLAG, offsetof(struct push_values, quiet), NULL,
     "Print no progress, only the image's name"},
    {0},
};

static int run(const struct command_context *context, void *v, int argc, char **argv,
               struct error **err)
{
    const struct push_values *values = v;
    CLEANUP(json)
    json_t *request = image_request("push", context->data_dir, context->config_path);
    json_object_set_new(request, "reference", json_string(argv[0]));
    json_object_set_new(request, "quiet", json_boolean(values->quiet));
    json_object_set_new(request, "allTags", json_boolean(values->all_tags));
    return image_helper_become(request, err);
}

const struct command command_push = {
    .name = "push",
    .group = "Images",
    .summary = "Upload an image to a registry",
    .arguments = "[OPTIONS] NAME[:TAG]",
    .options = options,
    .values_size = sizeof(struct push_values),
    .min_arguments = 1,
    .max_arguments = 1,
    .argument_completion = COMPLETE_IMAGE,
    .run = run,
};
