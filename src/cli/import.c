// SPDX-License-Identifier: Apache-2.0
/* `cloison import`: the program cloison-image does it. */
#include "base/json.h"
#include "cli/commands.h"
#include "image/helper.h"

struct import_values {
    struct strv changes;
    const char *message, *platform;
};

static const struct option options[] = {
    {'c', "change", OPTION_LIST, offsetof(struct import_values, changes), "INSTRUCTION",
     "Apply a Dockerfile instruction: 'CMD [\"sh\"]', 'ENV A=b', …"},
    {'m', "message", OPTION_STRING, offsetof(struct import_values, message), "TEXT",
     "Set the comment of the image's history"},
    {0, "platform", OPTION_STRING, offsetof(struct import_values, platform), "OS/ARCH[/VARIANT]",
     "Say that it is for this platform instead of the host's"},
    {0},
};

static int run(const struct command_context *context, void *v, int argc, char **argv,
               struct error **err)
{
    const struct import_values *values = v;
    CLEANUP(json)
    json_t *request = image_request("import", context->data_dir, context->config_path);
    json_object_set_new(request, "source", json_string(argv[0]));
    json_object_set_new(request, "change", json_from_strv(&values->changes));
    if (argc > 1) {
        json_object_set_new(request, "reference", json_string(argv[1]));
    }
    if (values->message) {
        json_object_set_new(request, "message", json_string(values->message));
    }
    if (values->platform) {
        json_object_set_new(request, "platform", json_string(values->platform));
    }
    return image_helper_become(request, err);
}

const struct command command_import = {
    .name = "import",
    .group = "Images",
    .summary = "Make an image from a tarball of a root file system",
    .arguments = "[OPTIONS] FILE|URL|- [NAME[:TAG]]",
    .options = options,
    .values_size = sizeof(struct import_values),
    .min_arguments = 1,
    .max_arguments = 2,
    .run = run,
};
