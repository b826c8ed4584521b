// SPDX-License-Identifier: Apache-2.0
/* `cloison-oci complete KIND`: the words that a shell offers, one a line. Says nothing of what it
 * cannot read. */
#include <dirent.h>

#include "base/file.h"
#include "oci/container.h"

static void print_containers(const struct oci_context *oci)
{
    CLEANUP(dir) DIR *dir = opendir(oci->root);
    for (struct dirent *e; dir && (e = readdir(dir));) {
        if (oci_id_check(e->d_name, NULL) >= 0) {
            printf("%s\n", e->d_name);
        }
    }
}

static int complete_run(const struct command_context *context, void *values, int argc, char **argv,
                        struct error **err)
{
    if (str_equal(argv[0], "container")) {
        print_containers(oci_of(context));
    }
    for (int n = 0; str_equal(argv[0], "capability") && spec_capability_name(n); n++) {
        printf("%s\n", spec_capability_name(n));
    }
    return 0;
}

const struct command oci_complete = {
    .name = "complete",
    .group = "Commands",
    .summary = "Print the words that a shell offers",
    .arguments = "KIND",
    .min_arguments = 1,
    .max_arguments = 1,
    .run = complete_run,
    .hidden = true,
};
