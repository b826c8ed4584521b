// SPDX-License-Identifier: Apache-2.0
/* `cloison push`: the program cloison-image does it. */
#include "cli/commands.h"
#include "cli/content_trust.h"
#include "image/helper.h"

struct push_values {
    const char *platform;
    bool quiet, all_tags, no_content_trust;
};

static const struct option options[] = {
    {'a', "all-tags", OPTION_FLAG, offsetof(struct push_values, all_tags), NULL,
     "Push every tag of the repository that is here"},
    CONTENT_TRUST_OPTION(struct push_values, no_content_trust),
    {0, "platform", OPTION_STRING, offsetof(struct push_values, platform), "OS/ARCH[/VARIANT]",
     "Fail unless what is here is for this platform"},
    {'q', "quiet", OPTION_FLAG, offsetof(struct push_values, quiet), NULL,
     "Print no progress, only the image's name"},
    {0},
};

static void defaults(void *values)
{
    ((struct push_values *)values)->no_content_trust = true;
}

static int run(const struct command_context *context, void *v, int argc, char **argv,
               struct error **err)
{
    const struct push_values *values = v;
    int r = content_trust_check(values->no_content_trust, err);
    if (r < 0) {
        return r;
    }
    CLEANUP(json)
    json_t *request = image_request("push", context->data_dir, context->config_path);
    json_object_set_new(request, "reference", json_string(argv[0]));
    json_object_set_new(request, "quiet", json_boolean(values->quiet));
    json_object_set_new(request, "allTags", json_boolean(values->all_tags));
    if (values->platform) {
        json_object_set_new(request, "platform", json_string(values->platform));
    }
    return image_helper_become(request, err);
}

const struct command command_push = {
    .name = "push",
    .group = "Images",
    .summary = "Upload an image to a registry",
    .arguments = "[OPTIONS] NAME[:TAG]",
    .options = options,
    .values_size = sizeof(struct push_values),
    .defaults = defaults,
    .min_arguments = 1,
    .max_arguments = 1,
    .argument_completion = COMPLETE_IMAGE,
    .run = run,
};
