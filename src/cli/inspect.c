// SPDX-License-Identifier: Apache-2.0
/* `cloison inspect`: all that is known of containers, images, volumes and networks. */
#include "cli/commands.h"
#include "cli/format.h"
#include "cli/inspect_object.h"
#include "engine/recover.h"
#include "image/image.h"

struct inspect_values {
    const char *format, *type, *platform;
    bool size, isolation;
};

/* One kind of object: 1 and *ret when it is there, 0 when not, or an error. */
static int find_container(const struct engine *e, const char *name, const struct inspect_values *v,
                          json_t **ret, struct error **err)
{
    CLEANUP(container) struct container *c = NULL;
    CLEANUP(error) struct error *mine = NULL;
    int r = container_find_recovered(e, name, &c, &mine);
    if (r < 0 && mine->kind == ERROR_NOT_FOUND) {
        return 0;
    }
    if (r < 0) {
        return error_move(err, &mine, r);
    }
    *ret = inspect_container(e, c, v->size);
    return 1;
}

static int find_image(const struct engine *e, const char *name, const struct inspect_values *v,
                      json_t **ret, struct error **err)
{
    CLEANUP(image) struct image *i = NULL;
    CLEANUP(error) struct error *mine = NULL;
    int r = image_resolve(e->data_dir, name, &i, &mine);
    /* A name that can be no image's is none. */
    if (r < 0 && (mine->kind == ERROR_NOT_FOUND || mine->kind == ERROR_USAGE)) {
        return 0;
    }
    if (r < 0) {
        return error_move(err, &mine, r);
    }
    if (v->platform) {
        image_free(take_ptr(i));
        r = image_resolve_for(e->data_dir, name, v->platform, &i, err);
    }
    r = r < 0 ? r : image_inspect_json(e->data_dir, i, ret, err);
    return r < 0 ? r : 1;
}

static int find_volume(const struct engine *e, const char *name, const struct inspect_values *v,
                       json_t **ret, struct error **err)
{
    *ret = inspect_volume(e, name);
    return *ret != NULL;
}

static int find_network(const struct engine *e, const char *name, const struct inspect_values *v,
                        json_t **ret, struct error **err)
{
    CLEANUP(error) struct error *mine = NULL;
    int r = inspect_network(e, name, ret, &mine);
    if (r < 0 && mine->kind == ERROR_NOT_FOUND) {
        return 0;
    }
    return r < 0 ? error_move(err, &mine, r) : 1;
}

static const struct {
    const char *type;
    int (*find)(const struct engine *e, const char *name, const struct inspect_values *v,
                json_t **ret, struct error **err);
} kinds[] = {{"container", find_container},
             {"image", find_image},
             {"volume", find_volume},
             {"network", find_network}};

static int find_object(const struct engine *e, const struct inspect_values *v, const char *name,
                       json_t **ret, struct error **err)
{
    if (v->isolation) {
        return inspect_isolation(e, name, ret, err);
    }
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        if (v->type && !str_equal(v->type, kinds[i].type)) {
            continue;
        }
        int r = kinds[i].find(e, name, v, ret, err);
        if (r != 0) {
            return r < 0 ? r : 0;
        }
    }
    return error_set(err, ERROR_NOT_FOUND, 0, "no such %s: %s", v->type ? v->type : "object", name);
}

static int check_type(const struct inspect_values *v, struct error **err)
{
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        if (!v->type || str_equal(v->type, kinds[i].type)) {
            return 0;
        }
    }
    int r = error_set(err, ERROR_USAGE, 0, "there is nothing of the type '%s' to inspect", v->type);
    return error_hint(err, r, "types are container, image, volume and network");
}

static int print_found(const struct inspect_values *v, const json_t *found, struct error **err)
{
    int r = 0;
    if (!v->format && !v->isolation) {
        return print_object(NULL, found, true, err);
    }
    for (size_t i = 0; i < json_array_size(found) && r >= 0; i++) {
        const json_t *object = json_array_get(found, i);
        if (v->format) {
            r = print_object(v->format, object, false, err);
        } else {
            print_isolation(object, i > 0);
        }
    }
    return r;
}

static int inspect(const struct command_context *context, const struct inspect_values *v, int argc,
                   char **argv, struct error **err)
{
    struct engine engine = {context->data_dir, context->run_dir, context->config_path};
    CLEANUP(json) json_t *found = json_array();
    int r = v->isolation && v->type && !str_equal(v->type, "container")
                ? error_set(err, ERROR_USAGE, 0, "--isolation is for containers alone")
                : check_type(v, err);
    int status = 0;
    for (int i = 0; i < argc && r >= 0; i++) {
        json_t *object = NULL;
        CLEANUP(error) struct error *missing = NULL;
        r = find_object(&engine, v, argv[i], &object, &missing);
        if (r >= 0) {
            json_array_append_new(found, object);
        } else if (missing->kind == ERROR_NOT_FOUND) {
            error_print(missing, stderr); /* the others are shown all the same */
            r = 0;
            status = 1;
        } else {
            r = error_move(err, &missing, r);
        }
    }
    r = r < 0 ? r : print_found(v, found, err);
    return r < 0 ? r : status;
}

int inspect_objects(const struct command_context *context, const char *type, const char *format,
                    int argc, char **argv, struct error **err)
{
    struct inspect_values v = {.type = type, .format = format};
    return inspect(context, &v, argc, argv, err);
}

static int inspect_run(const struct command_context *context, void *values, int argc, char **argv,
                       struct error **err)
{
    return inspect(context, values, argc, argv, err);
}

/* Docker's longer forms look for one type alone. */
static int inspect_image_run(const struct command_context *context, void *values, int argc,
                             char **argv, struct error **err)
{
    struct inspect_values *v = values;
    v->type = "image";
    return inspect(context, v, argc, argv, err);
}

static int inspect_container_run(const struct command_context *context, void *values, int argc,
                                 char **argv, struct error **err)
{
    struct inspect_values *v = values;
    v->type = "container";
    return inspect(context, v, argc, argv, err);
}

#define AT(field) offsetof(struct inspect_values, field)
static const struct option inspect_options[] = {
    {'f', "format", OPTION_STRING, AT(format), "FORMAT", FORMAT_OPTION_HELP},
    {0, "isolation", OPTION_FLAG, AT(isolation), NULL,
     "Show the wall of running containers as it stands", .origin = FROM_CLOISON},
    {'s', "size", OPTION_FLAG, AT(size), NULL, "Show what a container takes on the disk"},
    {0, "type", OPTION_STRING, AT(type), "TYPE",
     "Look for this type only: container, image, volume, network", COMPLETE_WORDS,
     "container image volume network"},
    {0},
};

const struct command command_inspect = {
    .name = "inspect",
    .group = "Containers",
    .summary = "Show all that is known of objects of any kind",
    .arguments = "[OPTIONS] NAME|ID [NAME|ID...]",
    .options = inspect_options,
    .values_size = sizeof(struct inspect_values),
    .min_arguments = 1,
    .max_arguments = -1,
    .argument_completion = COMPLETE_CONTAINER,
    .run = inspect_run,
};

static const struct option image_options[] = {
    {'f', "format", OPTION_STRING, AT(format), "FORMAT", FORMAT_OPTION_HELP},
    {0, "platform", OPTION_STRING, AT(platform), "OS/ARCH[/VARIANT]",
     "Show the image of this platform alone"},
    {0},
};
static const struct option container_options[] = {
    {'f', "format", OPTION_STRING, AT(format), "FORMAT", FORMAT_OPTION_HELP},
    {'s', "size", OPTION_FLAG, AT(size), NULL, "Show what a container takes on the disk"},
    {0},
};

const struct command command_image_inspect = {
    .name = "image inspect",
    .group = "Images",
    .summary = "Show all that is known of images",
    .arguments = "[OPTIONS] IMAGE [IMAGE...]",
    .options = image_options,
    .values_size = sizeof(struct inspect_values),
    .min_arguments = 1,
    .max_arguments = -1,
    .argument_completion = COMPLETE_IMAGE,
    .run = inspect_image_run,
    .hidden = true,
};

const struct command command_container_inspect = {
    .name = "container inspect",
    .group = "Containers",
    .summary = "Show all that is known of containers",
    .arguments = "[OPTIONS] CONTAINER [CONTAINER...]",
    .options = container_options,
    .values_size = sizeof(struct inspect_values),
    .min_arguments = 1,
    .max_arguments = -1,
    .argument_completion = COMPLETE_CONTAINER,
    .run = inspect_container_run,
    .hidden = true,
};
