// SPDX-License-Identifier: Apache-2.0
/* `cloison system prune`: stopped containers, then what they alone kept from going. */
#include "cli/commands.h"
#include "cli/prune.h"
#include "image/helper.h"
#include "wall/vm/kernels.h"

struct system_prune_values {
    struct strv filters;
    bool all, force, volumes;
};
#define AT(member) offsetof(struct system_prune_values, member)

static const struct option options[] = {
    {'a', "all", OPTION_FLAG, AT(all), NULL, "Remove all images that no container uses"},
    {0, "filter", OPTION_LIST, AT(filters), "FILTER", PRUNE_FILTER_HELP},
    {'f', "force", OPTION_FLAG, AT(force), NULL, PRUNE_FORCE_HELP},
    {0, "volumes", OPTION_FLAG, AT(volumes), NULL, "Remove anonymous volumes too"},
    {0},
};

static bool confirmed(const struct system_prune_values *v)
{
    CLEANUP(free)
    char *text = str_format(
        "This will remove:\n  - all stopped containers\n"
        "  - all networks not used by at least one container\n%s  - all %s\n",
        v->volumes ? "  - all anonymous volumes not used by at least one container\n" : "",
        v->all ? "images without at least one container associated to them" : "dangling images");
    return prune_confirmed(v->force, text);
}

/* What machines keep of kernels that are gone; of layers, it goes with them. */
static int prune_machines(const struct engine *e, int64_t *freed, struct error **err)
{
    CLEANUP(free) char *kernels = str_format("%s/kernels", e->data_dir);
    CLEANUP(free) char *cache = str_format("%s/cache/vm", e->data_dir);
    return vm_kernel_prune_cache(kernels, cache, freed, err);
}

static int run(const struct command_context *context, void *values, int argc, char **argv,
               struct error **err)
{
    const struct system_prune_values *v = values;
    struct engine engine = engine_of(context);
    CLEANUP(prune_filter) struct prune_filter filter = {0};
    int64_t freed = 0;
    int r = prune_filter_parse(&v->filters, &filter, err);
    if (r < 0 || !confirmed(v)) {
        return r < 0 ? r : 1;
    }
    r = prune_containers(&engine, &filter, &freed, err);
    r = r < 0 ? r : prune_networks(&engine, &filter, err);
    if (r >= 0 && v->volumes) {
        r = prune_volumes(&engine, &filter, false, &freed, err);
    }
    r = r < 0 ? r : prune_machines(&engine, &freed, err);
    if (r < 0) {
        return r;
    }
    CLEANUP(json)
    json_t *request = image_request("prune", context->data_dir, context->config_path);
    json_object_set_new(request, "all", json_boolean(v->all));
    json_object_set_new(request, "filters", json_from_strv(&v->filters));
    json_object_set_new(request, "freed", json_integer(freed));
    return image_helper_become(request, err);
}

const struct command command_system_prune = {
    .name = "system prune",
    .group = "System",
    .summary = "Remove stopped containers and what nobody uses",
    .arguments = "[OPTIONS]",
    .options = options,
    .values_size = sizeof(struct system_prune_values),
    .run = run,
};
