// SPDX-License-Identifier: Apache-2.0
/* `cloison system check`: the program cloison-image does it; which layers must not be touched,
 * because running containers have them mounted, is known here. */
#include <string.h>

#include "cli/commands.h"
#include "cli/engine_of.h"
#include "image/helper.h"

struct check_values {
    bool quick, repair;
};

static const struct option options[] = {
    {0, "quick", OPTION_FLAG, offsetof(struct check_values, quick), NULL,
     "Look at what there is and at sizes; read no content", .origin = FROM_CLOISON},
    {0, "repair", OPTION_FLAG, offsetof(struct check_values, repair), NULL,
     "Mend what is wrong, from the registry where the store cannot", .origin = FROM_CLOISON},
    {0},
};

/* ".../layers/<hex>/diff" → hex. */
static void add_layer(json_t *list, const char *path)
{
    CLEANUP(strv) struct strv parts = {0};
    strv_split(&parts, path, '/');
    if (parts.count >= 2) {
        json_array_append_new(list, json_string(parts.items[parts.count - 2]));
    }
}

static int layers_in_use(const struct engine *e, json_t *ret, struct error **err)
{
    struct container **list = NULL;
    size_t count = 0;
    int r = container_list(e, &list, &count, err);
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < list[i]->layers.count && container_is_up(list[i]); k++) {
            add_layer(ret, list[i]->layers.items[k]);
        }
    }
    container_list_free(list, count);
    return r;
}

static int run(const struct command_context *context, void *v, int argc, char **argv,
               struct error **err)
{
    const struct check_values *values = v;
    struct engine engine = engine_of(context);
    CLEANUP(json) json_t *used = json_array();
    CLEANUP(json)
    json_t *request = image_request("check", context->data_dir, context->config_path);
    json_object_set_new(request, "quick", json_boolean(values->quick));
    json_object_set_new(request, "repair", json_boolean(values->repair));
    int r = values->repair ? layers_in_use(&engine, used, err) : 0;
    json_object_set(request, "inUse", used);
    return r < 0 ? r : image_helper_become(request, err);
}

const struct command command_system_check = {
    .name = "system check",
    .group = "System",
    .summary = "Check the image store, and mend it",
    .arguments = "[OPTIONS]",
    .options = options,
    .values_size = sizeof(struct check_values),
    .run = run,
};
