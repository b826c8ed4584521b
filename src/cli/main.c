// SPDX-License-Identifier: Apache-2.0
/* The program `cloison`: global options, the verb, its error and its exit status. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/commands.h"

/* The option, else the environment, else the default; made absolute: verbs change folders. */
static char *path_setting(const char *option, const char *variable, const char *otherwise)
{
    const char *path = option;
    if (!path || !*path) {
        path = getenv(variable);
    }
    if (!path || !*path) {
        path = otherwise;
    }
    if (path[0] == '/') {
        return xstrdup(path);
    }
    CLEANUP(free) char *here = getcwd(NULL, 0);
    return str_format("%s/%s", str_or(here, ""), path);
}

static int run_verb(const struct global_values *global, int argc, char **argv,
                    const struct command **ret_command, struct error **err)
{
    int words = 0;
    const struct command *command = command_find(argc, argv, &words);
    if (!command && command_is_noun(argv[0]) && (argc == 1 || argv[1][0] == '-')) {
        commands_print_help(argv[0], stdout);
        return 0;
    }
    if (!command) {
        return command_unknown(argc, argv, err);
    }
    CLEANUP(free)
    char *data = path_setting(global->data_root, "CLOISON_DATA_ROOT", "/var/lib/cloison");
    CLEANUP(free) char *run = path_setting(global->run_root, "CLOISON_RUN_ROOT", "/run/cloison");
    CLEANUP(free)
    char *config = path_setting(global->config, "CLOISON_CONFIG", "/etc/cloison/config.json");
    struct command_context context = {
        .data_dir = data, .run_dir = run, .config_path = config, .debug = global->debug};
    *ret_command = command;
    return command_execute(command, &context, argc - words, argv + words, err);
}

static int run_line(int argc, char **argv, const struct command **ret_command, bool *ret_debug,
                    struct error **err)
{
    struct global_values global = {0};
    int first = 0;
    int r = options_parse(&command_global, argc, argv, &global, &first, err);
    *ret_debug = global.debug;
    if (r < 0) {
        return r;
    }
    if (global.version) {
        printf("cloison %s\n", CLOISON_VERSION);
        return 0;
    }
    if (r == 1 || first == argc) {
        commands_print_help(NULL, stdout);
        return 0;
    }
    return run_verb(&global, argc - first, argv + first, ret_command, err);
}

static int exit_status(const struct command *command, const struct error *e)
{
    if (e->kind == ERROR_USAGE || e->kind == ERROR_COMMAND_NOT_FOUND ||
        e->kind == ERROR_COMMAND_NOT_EXECUTABLE) {
        return error_exit_status(e);
    }
    return command && command->failure_status ? command->failure_status : 1;
}

/* What the one line leaves out: for a report. */
static void print_debug(bool debug, const struct error *e)
{
    if (debug) {
        fprintf(stderr, "%s: debug: %s, errno %d (%s), version %s\n", error_program(),
                error_kind_name(e->kind), e->code, strerrorname_np(e->code), CLOISON_VERSION);
    }
}

int main(int argc, char **argv)
{
    open_standard_streams();
    const struct command *command = NULL;
    CLEANUP(error) struct error *err = NULL;
    bool debug = false;
    int status = run_line(argc - 1, argv + 1, &command, &debug, &err);
    /* A reader that went away or a full disk must not pass for success. */
    if ((fflush(stdout) != 0 || ferror(stdout)) && status >= 0) {
        status = error_set_errno(&err, ERROR_KERNEL, errno, "writing to standard output");
    }
    if (status < 0) {
        error_print(err, stderr);
        print_debug(debug, err);
        status = exit_status(command, err);
    }
    return status;
}
