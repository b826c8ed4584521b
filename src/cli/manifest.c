// SPDX-License-Identifier: Apache-2.0
/* `cloison manifest …`: the program cloison-image does it. */
#include "cli/commands.h"
#include "image/helper.h"

static json_t *strings(char **items, int count)
{
    json_t *list = json_array();
    for (int i = 0; i < count; i++) {
        json_array_append_new(list, json_string(items[i]));
    }
    return list;
}

#define INSECURE_HELP "Check no certificate, and speak HTTP where there is no TLS"

struct create_values {
    bool amend, insecure;
};

static const struct option create_options[] = {
    {'a', "amend", OPTION_FLAG, offsetof(struct create_values, amend), NULL,
     "Add to a list that is there"},
    {0, "insecure", OPTION_FLAG, offsetof(struct create_values, insecure), NULL, INSECURE_HELP},
    {0},
};

static int run_create(const struct command_context *context, void *v, int argc, char **argv,
                      struct error **err)
{
    const struct create_values *values = v;
    CLEANUP(json)
    json_t *request = image_request("manifest-create", context->data_dir, context->config_path);
    json_object_set_new(request, "list", json_string(argv[0]));
    json_object_set_new(request, "members", strings(argv + 1, argc - 1));
    json_object_set_new(request, "amend", json_boolean(values->amend));
    json_object_set_new(request, "insecure", json_boolean(values->insecure));
    return image_helper_become(request, err);
}

const struct command command_manifest_create = {
    .name = "manifest create",
    .group = "Images",
    .summary = "Begin a list of images for several platforms",
    .arguments = "[OPTIONS] LIST IMAGE [IMAGE...]",
    .options = create_options,
    .values_size = sizeof(struct create_values),
    .min_arguments = 2,
    .max_arguments = -1,
    .run = run_create,
};

struct annotate_values {
    const char *os, *arch, *variant, *os_version;
    struct strv os_features;
};

static const struct option annotate_options[] = {
    {0, "arch", OPTION_STRING, offsetof(struct annotate_values, arch), "ARCHITECTURE",
     "Set the architecture"},
    {0, "os", OPTION_STRING, offsetof(struct annotate_values, os), "OS",
     "Set the operating system"},
    {0, "os-features", OPTION_LIST, offsetof(struct annotate_values, os_features), "FEATURE",
     "Set what it needs of the operating system"},
    {0, "os-version", OPTION_STRING, offsetof(struct annotate_values, os_version), "VERSION",
     "Set the operating system's version"},
    {0, "variant", OPTION_STRING, offsetof(struct annotate_values, variant), "VARIANT",
     "Set the architecture's variant"},
    {0},
};

static void set_string(json_t *request, const char *key, const char *value)
{
    if (value) {
        json_object_set_new(request, key, json_string(value));
    }
}

static int run_annotate(const struct command_context *context, void *v, int argc, char **argv,
                        struct error **err)
{
    const struct annotate_values *values = v;
    CLEANUP(json)
    json_t *request = image_request("manifest-annotate", context->data_dir, context->config_path);
    set_string(request, "list", argv[0]);
    set_string(request, "member", argv[1]);
    set_string(request, "os", values->os);
    set_string(request, "arch", values->arch);
    set_string(request, "variant", values->variant);
    set_string(request, "osVersion", values->os_version);
    json_object_set_new(request, "osFeatures", json_from_strv(&values->os_features));
    return image_helper_become(request, err);
}

const struct command command_manifest_annotate = {
    .name = "manifest annotate",
    .group = "Images",
    .summary = "Say for which platform an image of a list is",
    .arguments = "[OPTIONS] LIST IMAGE",
    .options = annotate_options,
    .values_size = sizeof(struct annotate_values),
    .min_arguments = 2,
    .max_arguments = 2,
    .run = run_annotate,
};

struct inspect_values {
    bool insecure, verbose;
};

static const struct option inspect_options[] = {
    {0, "insecure", OPTION_FLAG, offsetof(struct inspect_values, insecure), NULL, INSECURE_HELP},
    {'v', "verbose", OPTION_FLAG, offsetof(struct inspect_values, verbose), NULL,
     "Print each manifest with its name, descriptor and bytes"},
    {0},
};

static int run_inspect(const struct command_context *context, void *v, int argc, char **argv,
                       struct error **err)
{
    const struct inspect_values *values = v;
    CLEANUP(json)
    json_t *request = image_request("manifest-inspect", context->data_dir, context->config_path);
    set_string(request, "list", argv[0]);
    json_object_set_new(request, "insecure", json_boolean(values->insecure));
    json_object_set_new(request, "verbose", json_boolean(values->verbose));
    return image_helper_become(request, err);
}

const struct command command_manifest_inspect = {
    .name = "manifest inspect",
    .group = "Images",
    .summary = "Print a list, or the manifest that a registry has",
    .arguments = "[OPTIONS] NAME[:TAG|@DIGEST]",
    .options = inspect_options,
    .values_size = sizeof(struct inspect_values),
    .min_arguments = 1,
    .max_arguments = 1,
    .argument_completion = COMPLETE_IMAGE,
    .run = run_inspect,
};

struct push_values {
    bool insecure, purge;
};

static const struct option push_options[] = {
    {0, "insecure", OPTION_FLAG, offsetof(struct push_values, insecure), NULL, INSECURE_HELP},
    {'p', "purge", OPTION_FLAG, offsetof(struct push_values, purge), NULL,
     "Remove the list here when it is there"},
    {0},
};

static int run_push(const struct command_context *context, void *v, int argc, char **argv,
                    struct error **err)
{
    const struct push_values *values = v;
    CLEANUP(json)
    json_t *request = image_request("manifest-push", context->data_dir, context->config_path);
    set_string(request, "list", argv[0]);
    json_object_set_new(request, "insecure", json_boolean(values->insecure));
    json_object_set_new(request, "purge", json_boolean(values->purge));
    return image_helper_become(request, err);
}

const struct command command_manifest_push = {
    .name = "manifest push",
    .group = "Images",
    .summary = "Upload a list to its registry",
    .arguments = "[OPTIONS] LIST",
    .options = push_options,
    .values_size = sizeof(struct push_values),
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run_push,
};

static const struct option no_options[] = {{0}};

static int run_rm(const struct command_context *context, void *v, int argc, char **argv,
                  struct error **err)
{
    CLEANUP(json)
    json_t *request = image_request("manifest-rm", context->data_dir, context->config_path);
    json_object_set_new(request, "lists", strings(argv, argc));
    return image_helper_become(request, err);
}

const struct command command_manifest_rm = {
    .name = "manifest rm",
    .group = "Images",
    .summary = "Remove lists that are kept here",
    .arguments = "LIST [LIST...]",
    .options = no_options,
    .min_arguments = 1,
    .max_arguments = -1,
    .run = run_rm,
};
