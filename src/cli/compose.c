// SPDX-License-Identifier: Apache-2.0
#include "cli/compose.h"

#include <errno.h>
#include <limits.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

#include "base/json.h"
#include "base/paths.h"
#include "cli/commands.h"

#define PROGRAM "cloison-compose"

const struct option compose_global_options[] = {
    {'f', "file", OPTION_LIST, offsetof(struct compose_globals, files), "FILE",
     "A Compose file, '-' for standard input; later ones go over earlier ones", COMPLETE_FILE},
    {'p', "project-name", OPTION_STRING, offsetof(struct compose_globals, project_name), "NAME",
     "The project's name"},
    {0, "env-file", OPTION_LIST, offsetof(struct compose_globals, env_files), "FILE",
     "Variables, in place of the file .env", COMPLETE_FILE},
    {0, "profile", OPTION_LIST, offsetof(struct compose_globals, profiles), "NAME",
     "Also the services with this profile; '*': all"},
    {0, "project-directory", OPTION_STRING, offsetof(struct compose_globals, project_directory),
     "FOLDER", "What relative paths are relative to", COMPLETE_FOLDER},
    {0, "ansi", OPTION_STRING, offsetof(struct compose_globals, ansi), "WHEN",
     "Lines that change and colours: 'auto' (default), 'always' or 'never'", COMPLETE_WORDS,
     "auto always never"},
    {0, "parallel", OPTION_INTEGER, offsetof(struct compose_globals, parallel), "NUMBER",
     "How many things are done at once; -1: all"},
    {0, "progress", OPTION_STRING, offsetof(struct compose_globals, progress), "KIND",
     "'auto' (default), 'tty', 'plain', 'json' or 'quiet'", COMPLETE_WORDS,
     "auto tty plain json quiet"},
    {0, "all-resources", OPTION_FLAG, offsetof(struct compose_globals, all_resources), NULL,
     "Also the networks and volumes that no service uses"},
    {0},
};

static json_t *request_of(const struct command_context *context, const struct command *command,
                          const void *values, int argc, char **argv)
{
    json_t *request = json_object();
    json_t *options = options_to_json(command->options, values);
    json_t *arguments = json_array();
    if (context->outer) {
        CLEANUP(json) json_t *globals = options_to_json(compose_global_options, context->outer);
        json_object_set(request, "globals", globals);
    }
    for (int i = 0; i < argc; i++) {
        json_array_append_new(arguments, json_string(argv[i]));
    }
    json_object_set_new(request, "verb", json_string(command->name + strlen("compose ")));
    json_object_set_new(request, "dataDir", json_string(context->data_dir));
    json_object_set_new(request, "runDir", json_string(context->run_dir));
    json_object_set_new(request, "config", json_string(context->config_path));
    char self[PATH_MAX] = "";
    ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
    json_object_set_new(request, "cloison", json_stringn(self, len > 0 ? (size_t)len : 0));
    json_object_set_new(request, "debug", json_boolean(context->debug));
    json_object_set_new(request, "options", options);
    json_object_set_new(request, "arguments", arguments);
    return request;
}

int compose_boot(const struct command_context *context, const char *project, const char *directory,
                 const char *files, struct error **err)
{
    static const struct command boot = {.name = "compose boot"};
    struct compose_globals globals = {.project_name = project, .project_directory = directory};
    struct command_context inner = *context;
    CLEANUP(free) char *path = program_path(PROGRAM);
    pid_t pid = -1;
    int status = 0;
    strv_split(&globals.files, files, ',');
    inner.outer = &globals;
    CLEANUP(json) json_t *request = request_of(&inner, &boot, NULL, 0, NULL);
    CLEANUP(free) char *text = json_dumps(request, JSON_COMPACT);
    strv_done(&globals.files);
    (void)fflush(NULL);
    char *const arguments[] = {(char *)PROGRAM, text, NULL};
    int code = posix_spawn(&pid, path, NULL, NULL, arguments, environ);
    if (code) {
        return error_set_errno(err, ERROR_UNSUPPORTED, code, "executing '%s'", path);
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int compose_become(const struct command_context *context, const struct command *command,
                   const void *values, int argc, char **argv, struct error **err)
{
    CLEANUP(json) json_t *request = request_of(context, command, values, argc, argv);
    CLEANUP(free) char *text = json_dumps(request, JSON_COMPACT);
    CLEANUP(free) char *path = program_path(PROGRAM);
    if (!text || json_array_size(json_object_get(request, "arguments")) != (size_t)argc) {
        return error_set(err, ERROR_INVALID_INPUT, 0,
                         "an argument is not valid UTF-8 and cannot be handed on");
    }
    fflush(NULL);
    char *const arguments[] = {(char *)PROGRAM, text, NULL};
    execv(path, arguments);
    int r = error_set_errno(err, ERROR_UNSUPPORTED, errno, "executing '%s'", path);
    return error_hint(err, r, "is cloison installed whole?");
}

/* Behind the options of `compose` itself: its verb. */
static int compose_run(const struct command_context *context, void *values, int argc, char **argv,
                       struct error **err)
{
    char *words[] = {(char *)"compose", argc > 0 ? argv[0] : NULL};
    int count = 0;
    if (argc == 0) {
        options_print_help(&command_compose, error_program(), stdout);
        commands_print_help("compose", stdout);
        return 0;
    }
    const struct command *command = command_find(2, words, &count);
    if (!command || count != 2) {
        return command_unknown(2, words, err);
    }
    struct command_context inner = *context;
    inner.outer = values;
    return command_execute(command, &inner, argc - 1, argv + 1, err);
}

const struct command command_compose = {
    .name = "compose",
    .group = "Compose",
    .summary = "Operate the services of a Compose file",
    .arguments = "[OPTIONS] COMMAND [ARG...]",
    .options = compose_global_options,
    .values_size = sizeof(struct compose_globals),
    .max_arguments = -1,
    .options_end_at_argument = true,
    .run = compose_run,
};
