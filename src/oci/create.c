// SPDX-License-Identifier: Apache-2.0
/* `cloison-oci create`: all is set up, the process waits for start. */
#include "oci/launch.h"

static int create_run(const struct command_context *context, void *values, int argc, char **argv,
                      struct error **err)
{
    struct launch l = {
        .oci = oci_of(context), .options = values, .id = argv[0], .remote_start = true};
    CLEANUP(oci_container) struct oci_container *c = NULL;
    int r = launch_begin(&l, err);
    if (r >= 0) {
        r = launch_create(&l, &c, err);
    }
    launch_done(&l);
    return r;
}

const struct command oci_create = {
    .name = "create",
    .group = "Commands",
    .summary = "Create a container from a bundle",
    .arguments = "[OPTIONS] CONTAINER",
    .options = launch_rows + LAUNCH_RUN_ROWS,
    .values_size = sizeof(struct launch_options),
    .min_arguments = 1,
    .max_arguments = 1,
    .run = create_run,
};
