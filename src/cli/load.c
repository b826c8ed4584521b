// SPDX-License-Identifier: Apache-2.0
/* `cloison load`: the program cloison-image does it. */
#include "cli/commands.h"
#include "image/helper.h"

struct load_values {
    const char *input, *platform;
    bool quiet;
};

static const struct option options[] = {
    {'i', "input", OPTION_STRING, offsetof(struct load_values, input), "FILE",
     "Read this archive instead of standard input", COMPLETE_FILE},
    {0, "platform", OPTION_STRING, offsetof(struct load_values, platform), "OS/ARCH[/VARIANT]",
     "Of an image of several platforms, load this one"},
    {'q', "quiet", OPTION_FLAG, offsetof(struct load_values, quiet), NULL, "Print no progress"},
    {0},
};

static int run(const struct command_context *context, void *v, int argc, char **argv,
               struct error **err)
{
    const struct load_values *values = v;
    CLEANUP(json)
    json_t *request = image_request("load", context->data_dir, context->config_path);
    json_object_set_new(request, "quiet", json_boolean(values->quiet));
    if (values->input) {
        json_object_set_new(request, "input", json_string(values->input));
    }
    if (values->platform) {
        json_object_set_new(request, "platform", json_string(values->platform));
    }
    return image_helper_become(request, err);
}

const struct command command_load = {
    .name = "load",
    .group = "Images",
    .summary = "Load images from an archive that 'save' wrote",
    .arguments = "[OPTIONS]",
    .options = options,
    .values_size = sizeof(struct load_values),
    .run = run,
};
