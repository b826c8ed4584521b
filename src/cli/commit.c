// SPDX-License-Identifier: Apache-2.0
/* `cloison commit`: the program cloison-image makes the image; a running container is paused
 * meanwhile, so that its files agree with each other. */
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/engine_of.h"
#include "cli/inspect_object.h"
#include "engine/lifecycle.h"
#include "engine/recover.h"
#include "engine/rootfs.h"
#include "image/helper.h"

struct commit_values {
    struct strv changes;
    const char *author, *message;
    bool pause;
};
#define AT(member) offsetof(struct commit_values, member)

static const struct option options[] = {
    {'a', "author", OPTION_STRING, AT(author), "TEXT", "Who made it"},
    {'c', "change", OPTION_LIST, AT(changes), "INSTRUCTION",
     "Apply a Dockerfile instruction to the image's config"},
    {'m', "message", OPTION_STRING, AT(message), "TEXT", "The comment in its history"},
    {'p', "pause", OPTION_FLAG, AT(pause), NULL, "Pause the container meanwhile (default true)"},
    {0},
};

static void defaults(void *values)
{
    ((struct commit_values *)values)->pause = true;
}

/* What the container was run with becomes the image's default: of `inspect`'s Config what an image
 * config has too (image-spec config.md "config"). */
static json_t *config_of(const struct engine *e, const struct container *c)
{
    static const char *const keys[] = {"Cmd",         "Entrypoint", "Env",     "ExposedPorts",
                                       "Healthcheck", "Labels",     "OnBuild", "Shell",
                                       "StopSignal",  "User",       "Volumes", "WorkingDir"};
    CLEANUP(json) json_t *all = inspect_container(e, c, false);
    const json_t *config = json_object_get(all, "Config");
    json_t *ret = json_object();
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        json_t *value = json_object_get(config, keys[i]);
        bool empty = !value || json_is_null(value) || str_equal(json_string_value(value), "") ||
                     (json_is_object(value) && !json_object_size(value)) ||
                     (json_is_array(value) && !json_array_size(value));
        if (!empty) {
            json_object_set(ret, keys[i], value);
        }
    }
    return ret;
}

static json_t *request_of(const struct command_context *context, const struct engine *e,
                          const struct container *c, const struct commit_values *v,
                          const char *reference, int upper_fd)
{
    CLEANUP(free) char *upper = str_format("/proc/%d/fd/%d", getpid(), upper_fd);
    CLEANUP(free) char *command = strv_join(&c->args, " ");
    json_t *request = image_request("commit", context->data_dir, context->config_path);
    json_object_set_new(request, "parent", json_string(c->image_id));
    json_object_set_new(request, "upper", json_string(upper));
    json_object_set_new(request, "imageConfig", config_of(e, c));
    json_object_set_new(request, "createdBy", json_string(command));
    json_object_set_new(request, "change", json_from_strv(&v->changes));
    if (v->author) {
        json_object_set_new(request, "author", json_string(v->author));
    }
    if (v->message) {
        json_object_set_new(request, "message", json_string(v->message));
    }
    if (reference) {
        json_object_set_new(request, "reference", json_string(reference));
    }
    return request;
}

static int run(const struct command_context *context, void *values, int argc, char **argv,
               struct error **err)
{
    const struct commit_values *v = values;
    struct engine engine = engine_of(context);
    CLEANUP(container) struct container *c = NULL;
    int r = container_find_recovered(&engine, argv[0], &c, err);
    if (r < 0) {
        return r;
    }
    if (!c->image_id) {
        return error_set(err, ERROR_UNSUPPORTED, 0, "container '%s' has no image", c->name);
    }
    CLEANUP(fd) int upper = rootfs_open_upper(&engine, c, err);
    if (upper < 0) {
        return upper;
    }
    CLEANUP(json)
    json_t *request = request_of(context, &engine, c, v, argc > 1 ? argv[1] : NULL, upper);
    bool pause = v->pause && c->status == CONTAINER_RUNNING && !rootfs_is_served(c);
    if (pause) {
        r = engine_pause(&engine, c->id, true, err);
    }
    if (r >= 0) {
        fflush(stdout);
        r = image_helper_run(request, HELPER_TO_STDOUT, err);
    }
    if (pause) {
        IGNORE(engine_pause(&engine, c->id, false, NULL)); /* it may have been killed meanwhile */
    }
    return r;
}

const struct command command_commit = {
    .name = "commit",
    .group = "Containers",
    .summary = "Make an image from what a container has written",
    .arguments = "[OPTIONS] CONTAINER [NAME[:TAG]]",
    .options = options,
    .values_size = sizeof(struct commit_values),
    .defaults = defaults,
    .min_arguments = 1,
    .max_arguments = 2,
    .argument_completion = COMPLETE_CONTAINER,
    .run = run,
};
