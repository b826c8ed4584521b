// SPDX-License-Identifier: Apache-2.0
/* `cloison history`: how an image was made, the newest step first. */
#include <string.h>

#include "base/human.h"
#include "cli/commands.h"
#include "cli/container_text.h"
#include "cli/format.h"
#include "image/usage.h"

struct history_values {
    const char *format, *platform;
    bool human, no_trunc, quiet;
};
#define AT(member) offsetof(struct history_values, member)

static const struct option options[] = {
    {0, "format", OPTION_STRING, AT(format), "FORMAT", LIST_FORMAT_OPTION_HELP},
    {'H', "human", OPTION_FLAG, AT(human), NULL, "Print sizes and dates for people (default true)"},
    {0, "no-trunc", OPTION_FLAG, AT(no_trunc), NULL, "Print IDs and commands whole"},
    {0, "platform", OPTION_STRING, AT(platform), "OS/ARCH[/VARIANT]",
     "Fail unless the image is for this platform"},
    {'q', "quiet", OPTION_FLAG, AT(quiet), NULL, "Print the IDs alone"},
    {0},
};

static void defaults(void *values)
{
    ((struct history_values *)values)->human = true;
}

static const struct list_column columns[] = {
    {"ID", "IMAGE"},
    {"CreatedSince", "CREATED"},
    {"CreatedAt", "CREATED AT"},
    {"CreatedBy", "CREATED BY"},
    {"Size", "SIZE"},
    {"Comment", "COMMENT"},
    {NULL, NULL},
};
#define TABLE "{{.ID}}\t{{.CreatedSince}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}"
#define TABLE_EXACT "{{.ID}}\t{{.CreatedAt}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}"
#define COMMAND_WIDTH 45

static const char *text_of(const json_t *step, const char *key)
{
    return str_or(json_string_value(json_object_get(step, key)), "");
}

static char *since_text(const char *created)
{
    int64_t seconds = human_seconds_since(created);
    if (seconds < 0) {
        return xstrdup("N/A");
    }
    CLEANUP(free) char *text = human_duration(seconds);
    return str_format("%s ago", text);
}

static int print_step(const struct history_values *v, const json_t *step, const char *id,
                      int64_t bytes, struct list *list, struct error **err)
{
    if (v->quiet) {
        printf("%s\n", id);
        return 0;
    }
    const char *created = text_of(step, "created");
    CLEANUP(free) char *since = since_text(created);
    CLEANUP(free)
    char *command = v->no_trunc ? xstrdup(text_of(step, "created_by"))
                                : text_shorten(text_of(step, "created_by"), COMMAND_WIDTH);
    CLEANUP(free) char *size = v->human ? human_size(bytes) : str_format("%lld", (long long)bytes);
    str_replace_control(command);
    return list_row(list,
                    json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "ID", id, "CreatedSince", since,
                              "CreatedAt", created, "CreatedBy", command, "Size", size, "Comment",
                              text_of(step, "comment")),
                    NULL, err);
}

/* The layers, topmost first, belong to the steps that are not empty; a config without a history has
 * a step for each layer all the same. */
static int print_all(const struct history_values *v, const struct image *i, struct list *list,
                     struct error **err)
{
    const json_t *history = json_object_get(i->config_json, "history");
    size_t steps = json_array_size(history), layer = 0, count = 0;
    CLEANUP(free) char *id = v->no_trunc ? xstrdup(i->id) : xstrndup(i->id + 7, 12);
    int r = 0;
    for (size_t n = steps; n > 0 && r >= 0; n--) {
        const json_t *step = json_array_get(history, n - 1);
        bool empty = json_is_true(json_object_get(step, "empty_layer"));
        int64_t bytes =
            !empty && layer < i->layers.count ? image_layer_size(i->layers.items[layer++]) : 0;
        r = print_step(v, step, count++ ? "<missing>" : id, bytes, list, err);
    }
    for (; layer < i->layers.count && r >= 0; layer++) {
        int64_t bytes = image_layer_size(i->layers.items[layer]);
        r = print_step(v, NULL, count++ ? "<missing>" : id, bytes, list, err);
    }
    return r;
}

static int run(const struct command_context *context, void *values, int argc, char **argv,
               struct error **err)
{
    const struct history_values *v = values;
    CLEANUP(image) struct image *i = NULL;
    struct list *list = NULL;
    int r = image_resolve_for(context->data_dir, argv[0], v->platform, &i, err);
    if (r >= 0) {
        r = list_begin(v->quiet ? NULL : v->format, v->human ? TABLE : TABLE_EXACT, columns, &list,
                       err);
    }
    if (r >= 0) {
        r = print_all(v, i, list, err);
    }
    if (r >= 0 && !v->quiet) {
        list_end(list);
    } else if (list) {
        list_cancel(list);
    }
    return r < 0 ? r : 0;
}

const struct command command_history = {
    .name = "history",
    .group = "Images",
    .summary = "Show how an image was made",
    .arguments = "[OPTIONS] IMAGE",
    .options = options,
    .values_size = sizeof(struct history_values),
    .defaults = defaults,
    .min_arguments = 1,
    .max_arguments = 1,
    .argument_completion = COMPLETE_IMAGE,
    .run = run,
};
