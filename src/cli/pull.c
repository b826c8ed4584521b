// SPDX-License-Identifier: Apache-2.0
/* `cloison pull`: the program cloison-image does it. */
#include "cli/commands.h"
#include "cli/content_trust.h"
#include "image/helper.h"

struct pull_values {
    const char *platform;
    struct strv keys;
    bool quiet, all_tags, verify, no_content_trust;
};

static const struct option options[] = {
    {'a', "all-tags", OPTION_FLAG, offsetof(struct pull_values, all_tags), NULL,
     "Pull every tag of the repository"},
    CONTENT_TRUST_OPTION(struct pull_values, no_content_trust),
    {0, "key", OPTION_LIST, offsetof(struct pull_values, keys), "FILE",
     "A public key that may have signed the image; implies --verify", COMPLETE_FILE,
     .origin = FROM_CLOISON},
    {0, "platform", OPTION_STRING, offsetof(struct pull_values, platform), "OS/ARCH[/VARIANT]",
     "Pull for this platform instead of the host's"},
    {'q', "quiet", OPTION_FLAG, offsetof(struct pull_values, quiet), NULL,
     "Print no progress, only the image's ID"},
    {0, "verify", OPTION_FLAG, offsetof(struct pull_values, verify), NULL,
     "Refuse an image that is not signed", .origin = FROM_CLOISON},
    {0},
};

static void defaults(void *values)
{
    ((struct pull_values *)values)->no_content_trust = true;
}

static int run(const struct command_context *context, void *v, int argc, char **argv,
               struct error **err)
{
    const struct pull_values *values = v;
    int r = content_trust_check(values->no_content_trust, err);
    if (r < 0) {
        return r;
    }
    CLEANUP(json)
    json_t *request = image_request("pull", context->data_dir, context->config_path);
    json_object_set_new(request, "reference", json_string(argv[0]));
    json_object_set_new(request, "quiet", json_boolean(values->quiet));
    json_object_set_new(request, "allTags", json_boolean(values->all_tags));
    json_object_set_new(request, "verify", json_boolean(values->verify));
    json_object_set_new(request, "keys", json_from_strv(&values->keys));
    if (values->platform) {
        json_object_set_new(request, "platform", json_string(values->platform));
    }
    return image_helper_become(request, err);
}

const struct command command_pull = {
    .name = "pull",
    .group = "Images",
    .summary = "Download an image from a registry",
    .arguments = "[OPTIONS] NAME[:TAG|@DIGEST]",
    .options = options,
    .values_size = sizeof(struct pull_values),
    .defaults = defaults,
    .min_arguments = 1,
    .max_arguments = 1,
    .argument_completion = COMPLETE_IMAGE,
    .run = run,
};
