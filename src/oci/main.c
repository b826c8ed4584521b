// SPDX-License-Identifier: Apache-2.0
/* The program `cloison-oci`: global options, the verb, its error and its exit status. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "oci/oci.h"

/* The first line is what dockerd and containerd look for; no other line may say "version". */
static int print_version(void)
{
    printf("%s version %s\nspec: %s\n", error_program(), CLOISON_VERSION, OCI_SPEC_VERSION);
    return 0;
}

static int check_cgroup_manager(const char *text, struct error **err)
{
    static const char *const known[] = {"cgroupfs", "systemd", "disabled", NULL};
    return text && !str_in(text, known)
               ? error_set(err, ERROR_USAGE, 0,
                           "option '--cgroup-manager' needs cgroupfs, systemd or disabled, not "
                           "'%s'",
                           text)
               : 0;
}

static int check_rootless(const char *text, struct error **err)
{
    static const char *const known[] = {"true", "false", "auto", "", NULL};
    return text && !str_in(text, known)
               ? error_set(err, ERROR_USAGE, 0,
                           "option '--rootless' needs true, false or auto, "
                           "not '%s'",
                           text)
               : 0;
}

/* Under its second name the program's wall is the other one. */
static const struct wall_ops *wall = &wall_container;

/* Verbs change folders: made absolute. The host's root would be emptied by a delete. */
static int choose_root(const char *option, char **ret, struct error **err)
{
    CLEANUP(free) char *here = getcwd(NULL, 0);
    const char *path =
        str_or(option, wall == &wall_vm ? "/run/cloison-oci-vm" : "/run/cloison-oci");
    *ret = path[0] == '/' ? xstrdup(path) : str_format("%s/%s", str_or(here, ""), path);
    CLEANUP(free) char *real = realpath(*ret, NULL);
    if (!*path || str_equal(str_or(real, *ret), "/")) {
        return error_set(err, ERROR_USAGE, 0, "option '--root' must not be the root folder");
    }
    return 0;
}

static int run_verb(const struct oci_globals *g, struct oci_log *log, int argc, char **argv,
                    const struct command **ret_command, struct error **err)
{
    const struct command *command = oci_command_find(argv[0]);
    if (!command) {
        int r = error_set(err, ERROR_USAGE, 0, "unknown command '%s'", argv[0]);
        return error_hint(err, r, "see '%s --help'", error_program());
    }
    *ret_command = command;
    CLEANUP(free) char *root = NULL;
    int r = check_rootless(g->rootless, err);
    if (r >= 0) {
        r = check_cgroup_manager(g->cgroup_manager, err);
    }
    if (r >= 0) {
        r = choose_root(g->root, &root, err);
    }
    if (r < 0) {
        return r;
    }
    const struct oci_context context = {
        .base = {.run_dir = root, .debug = g->debug},
        .root = root,
        .wall = wall,
        .log = log,
        .criu = g->criu,
        .systemd_cgroup = g->systemd_cgroup || str_equal(g->cgroup_manager, "systemd"),
        .no_cgroups = str_equal(g->cgroup_manager, "disabled"),
    };
    oci_log_debug(log, "%s %s", error_program(), command->name);
    return command_execute(command, &context.base, argc - 1, argv + 1, err);
}

static int run_line(int argc, char **argv, struct oci_log *log, const struct command **ret_command,
                    struct error **err)
{
    struct oci_globals globals = {0};
    int first = 0;
    int r = options_parse(&oci_global, argc, argv, &globals, &first, err);
    if (r == 0 && globals.version) {
        return print_version();
    }
    if (r == 1 || (r == 0 && first == argc)) {
        oci_print_help(stdout);
        return 0;
    }
    if (r == 0) {
        r = oci_log_open(log, globals.log, globals.log_format, globals.debug, err);
    }
    return r < 0 ? r : run_verb(&globals, log, argc - first, argv + first, ret_command, err);
}

int main(int argc, char **argv)
{
    open_standard_streams();
    const char *name = strrchr(str_or(argc > 0 ? argv[0] : NULL, ""), '/');
    name = name ? name + 1 : str_or(argv[0], "");
    wall = str_equal(name, "cloison-oci-vm") ? &wall_vm : wall;
    error_set_program(wall == &wall_vm ? "cloison-oci-vm" : "cloison-oci");
    const struct command *command = NULL;
    CLEANUP(error) struct error *err = NULL;
    struct oci_log log = {.fd = -1};
    int status = run_line(argc - 1, argv + 1, &log, &command, &err);
    /* A reader that went away or a full disk must not pass for success. */
    if ((fflush(stdout) != 0 || ferror(stdout)) && status >= 0) {
        status = error_set_errno(&err, ERROR_KERNEL, errno, "writing to standard output");
    }
    if (status < 0) {
        oci_log_error(&log, err);
        status = command && command->failure_status ? command->failure_status : 1;
    }
    oci_log_close(&log);
    return status;
}
