// SPDX-License-Identifier: Apache-2.0
/* `cloison builder prune`: the program cloison-image does it. */
#include <string.h>
#include <time.h>

#include "base/human.h"
#include "cli/commands.h"
#include "cli/prune.h"
#include "image/helper.h"

struct builder_prune_values {
    struct strv filters;
    struct option_integer keep;
    bool all, force;
};
#define AT(member) offsetof(struct builder_prune_values, member)

static const struct option options[] = {
    {'a', "all", OPTION_FLAG, AT(all), NULL, "Also what images have: only the cache forgets it"},
    {0, "filter", OPTION_LIST, AT(filters), "FILTER", "until=TIME: not used since"},
    {'f', "force", OPTION_FLAG, AT(force), NULL, PRUNE_FORCE_HELP},
    {0, "keep-storage", OPTION_BYTES, AT(keep), "SIZE", "Keep so much, the last used"},
    {0},
};

/* until=TIME alone, of those there are. */
static int read_until(const struct strv *filters, int64_t *ret, struct error **err)
{
    CLEANUP(prune_filter) struct prune_filter filter = {0};
    int r = prune_filter_parse(filters, &filter, err);
    if (r < 0) {
        return r;
    }
    if (filter.labels.count || filter.not_labels.count) {
        return error_set(err, ERROR_USAGE, 0, "--filter: steps have no labels: until=TIME");
    }
    if (filter.until) {
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        *ret = now.tv_sec - human_seconds_since(filter.until);
    }
    return 0;
}

static int run(const struct command_context *context, void *values, int argc, char **argv,
               struct error **err)
{
    const struct builder_prune_values *v = values;
    int64_t until = -1;
    int r = read_until(&v->filters, &until, err);
    if (r < 0 || !prune_confirmed(v->force, v->all ? "This will remove all build cache."
                                                   : "This will remove build cache that no image "
                                                     "has.")) {
        return r < 0 ? r : 1;
    }
    CLEANUP(json)
    json_t *request = image_request("build-cache-prune", context->data_dir, context->config_path);
    json_object_set_new(request, "all", json_boolean(v->all));
    if (v->keep.set) {
        json_object_set_new(request, "keepBytes", json_integer(v->keep.value));
    }
    if (until >= 0) {
        json_object_set_new(request, "until", json_integer(until));
    }
    return image_helper_become(request, err);
}

const struct command command_builder_prune = {
    .name = "builder prune",
    .group = "Images",
    .summary = "Remove the build cache",
    .arguments = "[OPTIONS]",
    .options = options,
    .values_size = sizeof(struct builder_prune_values),
    .run = run,
};
