// SPDX-License-Identifier: Apache-2.0
/* `cloison describe`: all commands and options as JSON, from which the completions, the man pages
 * and the comparison with Docker's options are made. */
#include "base/json.h"
#include "cli/commands.h"

struct describe_values {
    bool json;
};

static const char *const type_names[] = {
    [OPTION_FLAG] = "flag",       [OPTION_STRING] = "string", [OPTION_LIST] = "list",
    [OPTION_INTEGER] = "integer", [OPTION_BYTES] = "bytes",   [OPTION_DURATION] = "duration",
    [OPTION_DECIMAL] = "decimal",
};

static const char *const completion_names[] = {
    [COMPLETE_NONE] = "none",
    [COMPLETE_CONTAINER] = "container",
    [COMPLETE_IMAGE] = "image",
    [COMPLETE_NETWORK] = "network",
    [COMPLETE_VOLUME] = "volume",
    [COMPLETE_FILE] = "file",
    [COMPLETE_FOLDER] = "folder",
    [COMPLETE_SIGNAL] = "signal",
    [COMPLETE_CAPABILITY] = "capability",
    [COMPLETE_WORDS] = "words",
    [COMPLETE_COMMAND] = "command",
};

static json_t *describe_option(const struct option *o)
{
    char short_name[2] = {o->short_name, '\0'};
    const char *metavar = o->metavar ? o->metavar : option_default_metavar(o->type);
    return json_pack("{s:s, s:s*, s:s, s:s*, s:s, s:s, s:s*, s:s, s:b}", "name", o->name, "short",
                     o->short_name ? short_name : NULL, "type", type_names[o->type], "metavar",
                     o->type == OPTION_FLAG ? NULL : metavar, "help", o->help, "completion",
                     completion_names[o->completion], "words", o->words, "origin",
                     o->origin == FROM_DOCKER ? "docker" : "cloison", "hidden", o->hidden);
}

static json_t *describe_command(const struct command *c)
{
    json_t *options = json_array();
    for (const struct option *o = c->options; o && o->name; o++) {
        json_array_append_new(options, describe_option(o));
    }
    return json_pack("{s:s, s:s*, s:s, s:s, s:i, s:i, s:b, s:s, s:b, s:o}", "name", c->name,
                     "group", c->group, "summary", c->summary, "arguments",
                     str_or(c->arguments, ""), "minArguments", c->min_arguments, "maxArguments",
                     c->max_arguments, "optionsEndAtArgument", c->options_end_at_argument,
                     "argumentCompletion", completion_names[c->argument_completion], "hidden",
                     c->hidden, "options", options);
}

static int describe_run(const struct command_context *context, void *values, int argc, char **argv,
                        struct error **err)
{
    json_t *list = json_array();
    for (size_t i = 0; commands[i]; i++) {
        json_array_append_new(list, describe_command(commands[i]));
    }
    CLEANUP(json)
    json_t *all =
        json_pack("{s:s, s:s, s:o, s:o}", "program", "cloison", "version", CLOISON_VERSION,
                  "global", describe_command(&command_global), "commands", list);
    CLEANUP(free) char *text = json_dumps(all, JSON_INDENT(2));
    if (!text) {
        return error_set(err, ERROR_INTERNAL, 0, "a command's description is not valid UTF-8");
    }
    printf("%s\n", text);
    return 0;
}

static const struct option describe_options[] = {
    {0, "json", OPTION_FLAG, offsetof(struct describe_values, json), NULL,
     "Print JSON (the only form there is)", .origin = FROM_CLOISON},
    {0},
};

const struct command command_describe = {
    .name = "describe",
    .group = "System",
    .summary = "Print all commands and their options for programs",
    .arguments = "--json",
    .options = describe_options,
    .values_size = sizeof(struct describe_values),
    .run = describe_run,
    .hidden = true,
};
