// SPDX-License-Identifier: Apache-2.0
/* `cloison rmi`: the program cloison-image does it. */
#include "cli/commands.h"
#include "image/helper.h"

struct rmi_values {
    bool force, no_prune;
    struct strv platforms;
};

static const struct option options[] = {
    {'f', "force", OPTION_FLAG, offsetof(struct rmi_values, force), NULL,
     "Remove even what a container uses; a missing image is no error"},
    {0, "no-prune", OPTION_FLAG, offsetof(struct rmi_values, no_prune), NULL,
     "Accepted for Docker's users: an image has no parents that would go too"},
    {0, "platform", OPTION_LIST, offsetof(struct rmi_values, platforms), "OS/ARCH[/VARIANT]",
     "Fail unless what is to be removed is for this platform"},
    {0},
};

static int run(const struct command_context *context, void *v, int argc, char **argv,
               struct error **err)
{
    const struct rmi_values *values = v;
    CLEANUP(json) json_t *request = image_request("rmi", context->data_dir, context->config_path);
    json_t *images = json_array();
    for (int i = 0; i < argc; i++) {
        json_array_append_new(images, json_string(argv[i]));
    }
    json_object_set_new(request, "images", images);
    json_object_set_new(request, "platforms", json_from_strv(&values->platforms));
    json_object_set_new(request, "force", json_boolean(values->force));
    return image_helper_become(request, err);
}

const struct command command_rmi = {
    .name = "rmi",
    .group = "Images",
    .summary = "Remove images",
    .arguments = "[OPTIONS] IMAGE [IMAGE...]",
    .options = options,
    .values_size = sizeof(struct rmi_values),
    .min_arguments = 1,
    .max_arguments = -1,
    .argument_completion = COMPLETE_IMAGE,
    .run = run,
};
