// SPDX-License-Identifier: Apache-2.0
/* `cloison-oci start`: the process that create left waiting executes its program. */
#include "oci/container.h"

static int check_created(const struct oci_container *c, struct error **err)
{
    switch (c->status) {
    case OCI_CREATED:
        return 0;
    case OCI_STOPPED:
        return error_set(err, ERROR_BUSY, 0, "cannot start a container that has stopped: '%s'",
                         c->id);
    case OCI_RUNNING:
        return error_set(err, ERROR_BUSY, 0, "cannot start an already running container: '%s'",
                         c->id);
    case OCI_CREATING:
    case OCI_PAUSED:
        break;
    }
    return error_set(err, ERROR_BUSY, 0, "cannot start a container in the %s state: '%s'",
                     oci_status_name(c->status), c->id);
}

static int start_run(const struct command_context *context, void *values, int argc, char **argv,
                     struct error **err)
{
    CLEANUP(oci_container) struct oci_container *c = NULL;
    int r = oci_container_open(oci_of(context), argv[0], OCI_CHANGE, &c, err);
    if (r >= 0) {
        r = check_created(c, err);
    }
    return r < 0 ? r : c->oci->wall->start(c->workload, err);
}

const struct command oci_start = {
    .name = "start",
    .group = "Commands",
    .summary = "Start a created container",
    .arguments = "CONTAINER",
    .min_arguments = 1,
    .max_arguments = 1,
    .argument_completion = COMPLETE_CONTAINER,
    .run = start_run,
};
