// SPDX-License-Identifier: Apache-2.0
/* `cloison complete KIND`: the words that a shell offers, one a line. It is called at every press
 * of a key, so it reads names alone, and says nothing of what it cannot read. */
#include <fcntl.h>
#include <signal.h>
#include <string.h>

#include "base/file.h"
#include "cli/commands.h"
#include "cli/engine_of.h"
#include "image/layout.h"
#include "net/store.h"
#include "spec/spec.h"
#include "wall/vm/kernels.h"

static void print_folder(const char *data_dir, const char *name, const char *prefix)
{
    CLEANUP(free) char *path = str_format("%s/%s", data_dir, name);
    CLEANUP(dir) DIR *dir = opendir(path);
    struct dirent *e;
    while (dir && (e = readdir(dir))) {
        if (e->d_name[0] != '.') {
            printf("%s%s\n", prefix, e->d_name);
        }
    }
}

static void print_containers(const struct command_context *c)
{
    print_folder(c->data_dir, "names", "");
}

static int print_image(void *context, const char *text, const char *hex)
{
    struct reference r = {0};
    if (reference_parse(text, &r, NULL) >= 0) {
        CLEANUP(free) char *familiar = reference_familiar(&r);
        printf("%s\n", familiar);
    }
    reference_done(&r);
    return 0;
}

static void print_images(const struct command_context *c)
{
    CLEANUP(free) char *path = layout_store_path(c->data_dir);
    CLEANUP(fd) int store = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (store >= 0) {
        IGNORE(layout_each_name(store, print_image, NULL, NULL)); /* what can be read */
    }
}

static void print_networks(const struct command_context *c)
{
    struct engine engine = engine_of(c);
    struct net_place place = {engine.run_dir, engine.data_dir, engine.config_path};
    struct net_network **list = NULL;
    size_t count = 0;
    IGNORE(net_network_list(&place, &list, &count, NULL)); /* what can be read */
    for (size_t i = 0; i < count; i++) {
        printf("%s\n", list[i]->name);
    }
    net_network_list_free(list, count);
    print_folder(c->data_dir, "names", "container:");
}

static void print_volumes(const struct command_context *c)
{
    print_folder(c->data_dir, "volumes", "");
}

static void print_kernels(const struct command_context *c)
{
    CLEANUP(free) char *folder = str_format("%s/kernels", c->data_dir);
    struct vm_kernel *list = NULL;
    size_t count = 0;
    IGNORE(vm_kernel_list(folder, &list, &count, NULL) < 0); /* what can be read */
    for (size_t i = 0; i < count; i++) {
        printf("%s\n", list[i].name);
    }
    vm_kernel_list_free(list, count);
}

static void print_signals(const struct command_context *c)
{
    for (int s = 1; s < 32; s++) {
        const char *name = sigabbrev_np(s);
        if (name) {
            printf("%s\n", name);
        }
    }
}

static void print_capabilities(const struct command_context *c)
{
    printf("ALL\n");
    for (int n = 0; spec_capability_name(n); n++) {
        printf("%s\n", spec_capability_name(n) + strlen("CAP_"));
    }
}

static void print_commands(const struct command_context *c)
{
    CLEANUP(strv) struct strv done = {0};
    for (size_t i = 0; commands[i]; i++) {
        /* A shell offers single words: of "volume create" the noun, once. */
        CLEANUP(free) char *word = xstrndup(commands[i]->name, strcspn(commands[i]->name, " "));
        if (!commands[i]->hidden && !strv_contains(&done, word)) {
            strv_add(&done, word);
            printf("%s\n", word);
        }
    }
}

static const struct {
    const char *kind;
    void (*print)(const struct command_context *context);
} kinds[] = {
    {"container", print_containers},    {"image", print_images},     {"network", print_networks},
    {"volume", print_volumes},          {"kernel", print_kernels},   {"signal", print_signals},
    {"capability", print_capabilities}, {"command", print_commands},
};

static int complete_run(const struct command_context *context, void *values, int argc, char **argv,
                        struct error **err)
{
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        if (str_equal(kinds[i].kind, argv[0])) {
            kinds[i].print(context);
            return 0;
        }
    }
    return error_set(err, ERROR_USAGE, 0, "nothing is known to complete a '%s'", argv[0]);
}

const struct command command_complete = {
    .name = "complete",
    .group = "System",
    .summary = "Print the words that a shell offers",
    .arguments = "KIND",
    .min_arguments = 1,
    .max_arguments = 1,
    .run = complete_run,
    .hidden = true,
};
