// SPDX-License-Identifier: Apache-2.0
/* `cloison container prune`. */
#include "cli/commands.h"
#include "cli/prune.h"

struct container_prune_values {
    struct strv filters;
    bool force;
};
#define AT(member) offsetof(struct container_prune_values, member)

static const struct option options[] = {
    {0, "filter", OPTION_LIST, AT(filters), "FILTER", PRUNE_FILTER_HELP},
    {'f', "force", OPTION_FLAG, AT(force), NULL, PRUNE_FORCE_HELP},
    {0},
};

static int run(const struct command_context *context, void *values, int argc, char **argv,
               struct error **err)
{
    const struct container_prune_values *v = values;
    struct engine engine = engine_of(context);
    CLEANUP(prune_filter) struct prune_filter filter = {0};
    int64_t freed = 0;
    int r = prune_filter_parse(&v->filters, &filter, err);
    if (r < 0 || !prune_confirmed(v->force, "This will remove all stopped containers.")) {
        return r < 0 ? r : 1;
    }
    r = prune_containers(&engine, &filter, &freed, err);
    if (r >= 0) {
        prune_print_sum(freed);
    }
    return r;
}

const struct command command_container_prune = {
    .name = "container prune",
    .group = "Containers",
    .summary = "Remove all stopped containers",
    .arguments = "[OPTIONS]",
    .options = options,
    .values_size = sizeof(struct container_prune_values),
    .run = run,
};
