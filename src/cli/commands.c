// SPDX-License-Identifier: Apache-2.0
#include "cli/commands.h"

#include <string.h>

/* One line a verb. The order is that of the groups and of the verbs in `cloison --help`. */
const struct command *const commands[] = {
    /* Containers */
    &command_run,
    &command_create,
    &command_ps,
    &command_exec,
    &command_logs,
    &command_inspect,
    &command_top,
    &command_stats,
    &command_port,
    &command_start,
    &command_stop,
    &command_restart,
    &command_kill,
    &command_pause,
    &command_unpause,
    &command_wait,
    &command_attach,
    &command_rename,
    &command_update,
    &command_rm,
    &command_cp,
    &command_diff,
    &command_export,
    &command_commit,
    &command_container_prune,
    &command_explain_run,
    /* Images */
    &command_build,
    &command_images,
    &command_pull,
    &command_push,
    &command_load,
    &command_save,
    &command_import,
    &command_history,
    &command_bootstrap,
    &command_tag,
    &command_rmi,
    &command_tags,
    &command_manifest_create,
    &command_manifest_annotate,
    &command_manifest_inspect,
    &command_manifest_push,
    &command_manifest_rm,
    &command_login,
    &command_logout,
    &command_image_prune,
    &command_builder_prune,
    /* Networks */
    &command_network_create,
    &command_network_ls,
    &command_network_inspect,
    &command_network_rm,
    &command_network_prune,
    &command_network_connect,
    &command_network_disconnect,
    &command_network_reload,
    /* Volumes */
    &command_volume_create,
    &command_volume_ls,
    &command_volume_inspect,
    &command_volume_rm,
    &command_volume_prune,
    /* Compose */
    &command_compose,
    &command_compose_up,
    &command_compose_down,
    &command_compose_ps,
    &command_compose_logs,
    &command_compose_exec,
    &command_compose_export,
    &command_compose_run,
    &command_compose_create,
    &command_compose_start,
    &command_compose_stop,
    &command_compose_restart,
    &command_compose_kill,
    &command_compose_pause,
    &command_compose_unpause,
    &command_compose_rm,
    &command_compose_scale,
    &command_compose_watch,
    &command_compose_wait,
    &command_compose_attach,
    &command_compose_top,
    &command_compose_stats,
    &command_compose_events,
    &command_compose_port,
    &command_compose_images,
    &command_compose_cp,
    &command_compose_ls,
    &command_compose_build,
    &command_compose_commit,
    &command_compose_pull,
    &command_compose_push,
    &command_compose_trust,
    &command_compose_kubernetes,
    &command_compose_config,
    &command_compose_convert,
    &command_compose_version,
    &command_compose_volumes,
    /* Walls */
    &command_compare,
    &command_advise,
    &command_kernel_ls,
    &command_kernel_add,
    &command_kernel_build,
    &command_kernel_inspect,
    &command_kernel_rm,
    /* System */
    &command_info,
    &command_version,
    &command_system_boot,
    &command_system_check,
    &command_system_df,
    &command_system_prune,
    &command_system_shutdown,
    &command_events,
    &command_help,
    /* Hidden */
    &command_container_inspect,
    &command_image_inspect,
    &command_explain,
    &command_complete,
    &command_describe,
    NULL,
};

/* Docker's longer forms, "container ls" for "ps". Where a noun stands in front of a verb of ours of
 * the same name ("container run", "image pull"), the noun is dropped. */
static const struct {
    const char *noun, *verb, *ours;
} longer_forms[] = {
    {"container", "ls", "ps"},         {"container", "list", "ps"},
    {"container", NULL, NULL},         {"image", "ls", "images"},
    {"image", "list", "images"},       {"image", "rm", "rmi"},
    {"image", "remove", "rmi"},        {"image", NULL, NULL},
    {"system", "info", "info"},        {"volume", "list", "volume ls"},
    {"volume", "remove", "volume rm"}, {"system", "events", "events"},
    {"network", "list", "network ls"}, {"network", "remove", "network rm"},
    {"kernel", "list", "kernel ls"},   {"kernel", "remove", "kernel rm"},
};

static const struct command *find_exact(const char *name)
{
    for (size_t i = 0; commands[i]; i++) {
        if (str_equal(commands[i]->name, name)) {
            return commands[i];
        }
    }
    return NULL;
}

static const struct command *find_longer_form(const char *noun, const char *verb)
{
    for (size_t i = 0; i < ARRAY_SIZE(longer_forms); i++) {
        if (!str_equal(longer_forms[i].noun, noun)) {
            continue;
        }
        if (!longer_forms[i].verb) {
            return find_exact(verb);
        }
        if (str_equal(longer_forms[i].verb, verb)) {
            return find_exact(longer_forms[i].ours);
        }
    }
    return NULL;
}

const struct command *command_find(int argc, char **argv, int *ret_words)
{
    const struct command *c = NULL;
    if (argc >= 2 && argv[1][0] != '-') {
        CLEANUP(free) char *two = str_format("%s %s", argv[0], argv[1]);
        c = find_exact(two);
        c = c ? c : find_longer_form(argv[0], argv[1]);
        *ret_words = 2;
    }
    if (!c && argc >= 1 && !strchr(argv[0], ' ')) {
        c = find_exact(argv[0]);
        *ret_words = 1;
    }
    return c;
}

/* The group of commands in front of which Docker's longer forms put this noun. */
static const char *group_of_noun(const char *word)
{
    return str_equal(word, "container") ? "Containers" : str_equal(word, "image") ? "Images" : NULL;
}

bool command_is_noun(const char *word)
{
    size_t len = strlen(word);
    if (group_of_noun(word)) {
        return true;
    }
    for (size_t i = 0; commands[i]; i++) {
        if (!commands[i]->hidden && str_starts(commands[i]->name, word) &&
            commands[i]->name[len] == ' ') {
            return true;
        }
    }
    return false;
}

/* The verb nearest to a mistyped one; a third of the letters may be wrong. */
static const char *nearest(const char *word)
{
    const char *best = NULL;
    size_t best_distance = strlen(word) / 3 + 1;
    for (size_t i = 0; commands[i]; i++) {
        size_t d = str_distance(word, commands[i]->name);
        if (!commands[i]->hidden && d <= best_distance && (!best || d < best_distance)) {
            best = commands[i]->name;
            best_distance = d;
        }
    }
    return best;
}

/* Docker's commands that are not there yet: the nearest word of ours would lead astray. */
static const char *const dockers[] = {"buildx", "config", "context", "network", "node",
                                      "plugin", "search", "secret",  "service", "stack",
                                      "swarm",  "trust",  NULL};

int command_unknown(int argc, char **argv, struct error **err)
{
    bool below_noun = argc >= 2 && argv[1][0] != '-' && command_is_noun(argv[0]);
    CLEANUP(free)
    char *word = below_noun ? str_format("%s %s", argv[0], argv[1]) : xstrdup(argv[0]);
    if (str_in(word, dockers)) {
        int r = error_set(err, ERROR_USAGE, 0, "there is no command '%s' yet", word);
        return error_hint(err, r, "it is Docker's; see '%s --help' for those there are",
                          error_program());
    }
    const char *near = nearest(word);
    int r = error_set(err, ERROR_USAGE, 0, "unknown command '%s'", word);
    if (near) {
        return error_hint(err, r, "did you mean '%s'? see '%s --help'", near, error_program());
    }
    return error_hint(err, r, "see '%s --help'", error_program());
}

static bool is_shown_below(const struct command *c, const char *noun)
{
    return !c->hidden && (!noun || (str_starts(c->name, noun) && c->name[strlen(noun)] == ' '));
}

static void print_group(const char *group, const char *noun, FILE *stream)
{
    size_t width = 0;
    for (size_t i = 0; commands[i]; i++) {
        size_t len = commands[i]->hidden ? 0 : strlen(commands[i]->name);
        width = len > width ? len : width;
    }
    fprintf(stream, "\n%s:\n", group);
    for (size_t i = 0; commands[i]; i++) {
        const struct command *c = commands[i];
        if (str_equal(c->group, group) && is_shown_below(c, noun)) {
            fprintf(stream, "  %-*s  %s\n", (int)width, c->name, c->summary);
        }
    }
}

/* Groups are printed in the order in which the table first names them. */
static void print_groups(const char *noun, FILE *stream)
{
    CLEANUP(strv) struct strv done = {0};
    for (size_t i = 0; commands[i]; i++) {
        if (is_shown_below(commands[i], noun) && !strv_contains(&done, commands[i]->group)) {
            strv_add(&done, commands[i]->group);
            print_group(commands[i]->group, noun, stream);
        }
    }
}

void commands_print_help(const char *noun, FILE *stream)
{
    if (noun) {
        fprintf(stream, "Usage: %s %s COMMAND\n", error_program(), noun);
        if (group_of_noun(noun)) {
            print_group(group_of_noun(noun), NULL, stream);
        } else {
            print_groups(noun, stream);
        }
    } else {
        options_print_help(&command_global, error_program(), stream);
        print_groups(NULL, stream);
    }
    fprintf(stream, "\nRun '%s COMMAND --help' for more about a command.\n", error_program());
}

static const struct option global_options[] = {
    {0, "data-root", OPTION_STRING, offsetof(struct global_values, data_root), "FOLDER",
     "Where containers and images are kept (CLOISON_DATA_ROOT; default /var/lib/cloison)",
     COMPLETE_FOLDER, .origin = FROM_CLOISON},
    {0, "run-root", OPTION_STRING, offsetof(struct global_values, run_root), "FOLDER",
     "Where the state of running containers is kept (CLOISON_RUN_ROOT; default /run/cloison)",
     COMPLETE_FOLDER, .origin = FROM_CLOISON},
    {0, "config", OPTION_STRING, offsetof(struct global_values, config), "FILE",
     "The settings (CLOISON_CONFIG; default /etc/cloison/config.json)", COMPLETE_FILE,
     .origin = FROM_CLOISON},
    {'D', "debug", OPTION_FLAG, offsetof(struct global_values, debug), NULL,
     "Add a line on the error's kind and number"},
    {'v', "version", OPTION_FLAG, offsetof(struct global_values, version), NULL,
     "Print the version"},
    {0},
};

const struct command command_global = {
    .name = "",
    .summary = "Runs containers: namespaces, cgroups and images, without a daemon.",
    .arguments = "[OPTIONS] COMMAND [ARG...]",
    .options = global_options,
    .values_size = sizeof(struct global_values),
    .max_arguments = -1,
    .options_end_at_argument = true,
};
