// SPDX-License-Identifier: Apache-2.0
/* Commands and options as JSON. */
#include "base/json.h"
#include "base/options.h"

static const char *const type_names[] = {
    [OPTION_FLAG] = "flag",       [OPTION_STRING] = "string", [OPTION_LIST] = "list",
    [OPTION_INTEGER] = "integer", [OPTION_BYTES] = "bytes",   [OPTION_DURATION] = "duration",
    [OPTION_DECIMAL] = "decimal",
};

static const char *const completion_names[] = {
    [COMPLETE_NONE] = "none",     [COMPLETE_CONTAINER] = "container",
    [COMPLETE_IMAGE] = "image",   [COMPLETE_NETWORK] = "network",
    [COMPLETE_VOLUME] = "volume", [COMPLETE_KERNEL] = "kernel",
    [COMPLETE_FILE] = "file",     [COMPLETE_FOLDER] = "folder",
    [COMPLETE_SIGNAL] = "signal", [COMPLETE_CAPABILITY] = "capability",
    [COMPLETE_WORDS] = "words",   [COMPLETE_COMMAND] = "command",
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

char *commands_describe(const struct command *global, const struct command *const *commands)
{
    json_t *list = json_array();
    for (size_t i = 0; commands[i]; i++) {
        json_array_append_new(list, describe_command(commands[i]));
    }
    CLEANUP(json)
    json_t *all = json_pack("{s:s, s:s, s:o, s:o}", "program", error_program(), "version",
                            CLOISON_VERSION, "global", describe_command(global), "commands", list);
    return json_dumps(all, JSON_INDENT(2));
}
