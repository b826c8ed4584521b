// SPDX-License-Identifier: Apache-2.0
/* `cloison bootstrap`: the program cloison-image does it. */
#include "base/json.h"
#include "cli/commands.h"
#include "image/helper.h"

struct bootstrap_values {
    struct strv include, env, expose, labels, mirrors;
    const char *suite, *variant, *cmd, *entrypoint, *user, *workdir;
    bool quiet;
};
#define AT(member) offsetof(struct bootstrap_values, member)

static const struct option options[] = {
    {0, "cmd", OPTION_STRING, AT(cmd), "COMMAND",
     "What 'run' starts: a JSON array, or words split as a shell does", .origin = FROM_CLOISON},
    {0, "entrypoint", OPTION_STRING, AT(entrypoint), "COMMAND", "The same for the entrypoint",
     .origin = FROM_CLOISON},
    {'e', "env", OPTION_LIST, AT(env), "NAME=VALUE", "Set an environment variable",
     .origin = FROM_CLOISON},
    {0, "expose", OPTION_LIST, AT(expose), "PORT[/PROTOCOL]", "A port that the image serves",
     .origin = FROM_CLOISON},
    {0, "include", OPTION_LIST, AT(include), "PACKAGE,…", "Packages to install beside the base",
     .origin = FROM_CLOISON},
    {'l', "label", OPTION_LIST, AT(labels), "KEY=VALUE", "Set a label", .origin = FROM_CLOISON},
    {0, "mirror", OPTION_LIST, AT(mirrors), "URL|LINE",
     "Where packages come from (default: as the host's apt)", .origin = FROM_CLOISON},
    {'q', "quiet", OPTION_FLAG, AT(quiet), NULL, "Print no progress, only the image's ID",
     .origin = FROM_CLOISON},
    {0, "suite", OPTION_STRING, AT(suite), "SUITE",
     "The distribution's release (default: the host's)", .origin = FROM_CLOISON},
    {'u', "user", OPTION_STRING, AT(user), "USER[:GROUP]", "Who 'run' runs the command as",
     .origin = FROM_CLOISON},
    {0, "variant", OPTION_STRING, AT(variant), "VARIANT",
     "How much of the base: slim (default), extract, apt, minbase, …", COMPLETE_WORDS,
     "slim extract custom essential apt minbase buildd important standard", FROM_CLOISON},
    {'w', "workdir", OPTION_STRING, AT(workdir), "FOLDER", "The folder to start in",
     .origin = FROM_CLOISON},
    {0},
};

static void set_text(json_t *request, const char *key, const char *text)
{
    if (text) {
        json_object_set_new(request, key, json_string(text));
    }
}

static int run(const struct command_context *context, void *v, int argc, char **argv,
               struct error **err)
{
    const struct bootstrap_values *values = v;
    CLEANUP(json)
    json_t *request = image_request("bootstrap", context->data_dir, context->config_path);
    set_text(request, "reference", argv[0]);
    set_text(request, "suite", values->suite);
    set_text(request, "variant", values->variant);
    set_text(request, "cmd", values->cmd);
    set_text(request, "entrypoint", values->entrypoint);
    set_text(request, "user", values->user);
    set_text(request, "workdir", values->workdir);
    json_object_set_new(request, "include", json_from_strv(&values->include));
    json_object_set_new(request, "env", json_from_strv(&values->env));
    json_object_set_new(request, "expose", json_from_strv(&values->expose));
    json_object_set_new(request, "label", json_from_strv(&values->labels));
    json_object_set_new(request, "mirror", json_from_strv(&values->mirrors));
    json_object_set_new(request, "quiet", json_boolean(values->quiet));
    return image_helper_become(request, err);
}

const struct command command_bootstrap = {
    .name = "bootstrap",
    .group = "Images",
    .summary = "Make an image from the distribution's packages",
    .arguments = "[OPTIONS] NAME[:TAG]",
    .options = options,
    .values_size = sizeof(struct bootstrap_values),
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run,
};
