// SPDX-License-Identifier: Apache-2.0
/* `cloison save`: the program cloison-image does it. */
#include "cli/commands.h"
#include "image/helper.h"

struct save_values {
    const char *output, *format;
    struct strv platforms;
};

static const struct option options[] = {
    {0, "format", OPTION_STRING, offsetof(struct save_values, format), "FORMAT",
     "'docker-archive' (default), 'oci-archive' or 'oci-dir'", COMPLETE_WORDS,
     "docker-archive oci-archive oci-dir", FROM_CLOISON},
    {'o', "output", OPTION_STRING, offsetof(struct save_values, output), "FILE",
     "Write to this file instead of standard output", COMPLETE_FILE},
    {0, "platform", OPTION_LIST, offsetof(struct save_values, platforms), "OS/ARCH[/VARIANT]",
     "Fail unless the images are for this platform"},
    {0},
};

static int run(const struct command_context *context, void *v, int argc, char **argv,
               struct error **err)
{
    const struct save_values *values = v;
    CLEANUP(json)
    json_t *request = image_request("save", context->data_dir, context->config_path);
    json_t *images = json_array();
    for (int i = 0; i < argc; i++) {
        json_array_append_new(images, json_string(argv[i]));
    }
    json_object_set_new(request, "images", images);
    json_object_set_new(request, "platforms", json_from_strv(&values->platforms));
    if (values->output) {
        json_object_set_new(request, "output", json_string(values->output));
    }
    if (values->format) {
        json_object_set_new(request, "format", json_string(values->format));
    }
    return image_helper_become(request, err);
}

const struct command command_save = {
    .name = "save",
    .group = "Images",
    .summary = "Write images to an archive",
    .arguments = "[OPTIONS] IMAGE [IMAGE...]",
    .options = options,
    .values_size = sizeof(struct save_values),
    .min_arguments = 1,
    .max_arguments = -1,
    .argument_completion = COMPLETE_IMAGE,
    .run = run,
};
