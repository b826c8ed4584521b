// SPDX-License-Identifier: Apache-2.0
/* `cloison image prune`: the program cloison-image does it. */
#include "cli/commands.h"
#include "cli/prune.h"
#include "image/helper.h"

struct image_prune_values {
    struct strv filters;
    bool all, force;
};
#define AT(member) offsetof(struct image_prune_values, member)

static const struct option options[] = {
    {'a', "all", OPTION_FLAG, AT(all), NULL, "Remove all that no container uses, named or not"},
    {0, "filter", OPTION_LIST, AT(filters), "FILTER", PRUNE_FILTER_HELP},
    {'f', "force", OPTION_FLAG, AT(force), NULL, PRUNE_FORCE_HELP},
    {0},
};

static int run(const struct command_context *context, void *values, int argc, char **argv,
               struct error **err)
{
    const struct image_prune_values *v = values;
    const char *what = v->all ? "This will remove all images without at least one container "
                                "associated to them."
                              : "This will remove all dangling images.";
    CLEANUP(prune_filter) struct prune_filter filter = {0};
    int r = prune_filter_parse(&v->filters, &filter, err); /* before the question is asked */
    if (r < 0 || !prune_confirmed(v->force, what)) {
        return r < 0 ? r : 1;
    }
    CLEANUP(json)
    json_t *request = image_request("prune", context->data_dir, context->config_path);
    json_object_set_new(request, "all", json_boolean(v->all));
    json_object_set_new(request, "filters", json_from_strv(&v->filters));
    return image_helper_become(request, err);
}

const struct command command_image_prune = {
    .name = "image prune",
    .group = "Images",
    .summary = "Remove images that nobody uses",
    .arguments = "[OPTIONS]",
    .options = options,
    .values_size = sizeof(struct image_prune_values),
    .run = run,
};
