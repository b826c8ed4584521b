// SPDX-License-Identifier: Apache-2.0
/* `cloison-oci pause` and `cloison-oci resume` */
#include "oci/container.h"

static int pause_run(const struct command_context *context, void *values, int argc, char **argv,
                     struct error **err)
{
    CLEANUP(oci_container) struct oci_container *c = NULL;
    int r = oci_container_open(oci_of(context), argv[0], OCI_CHANGE, &c, err);
    if (r < 0) {
        return r;
    }
    if (c->status != OCI_RUNNING && c->status != OCI_CREATED) {
        return error_set(err, ERROR_BUSY, 0, "container not running: '%s' is %s", c->id,
                         oci_status_name(c->status));
    }
    return c->oci->wall->pause(c->workload, err);
}

static int resume_run(const struct command_context *context, void *values, int argc, char **argv,
                      struct error **err)
{
    CLEANUP(oci_container) struct oci_container *c = NULL;
    int r = oci_container_open(oci_of(context), argv[0], OCI_CHANGE, &c, err);
    if (r < 0) {
        return r;
    }
    if (c->status != OCI_PAUSED) {
        return error_set(err, ERROR_BUSY, 0, "container not paused: '%s' is %s", c->id,
                         oci_status_name(c->status));
    }
    return c->oci->wall->resume(c->workload, err);
}

const struct command oci_pause = {
    .name = "pause",
    .group = "Commands",
    .summary = "Halt all processes of a container",
    .arguments = "CONTAINER",
    .min_arguments = 1,
    .max_arguments = 1,
    .argument_completion = COMPLETE_CONTAINER,
    .run = pause_run,
};

const struct command oci_resume = {
    .name = "resume",
    .group = "Commands",
    .summary = "Let the processes of a paused container go on",
    .arguments = "CONTAINER",
    .min_arguments = 1,
    .max_arguments = 1,
    .argument_completion = COMPLETE_CONTAINER,
    .run = resume_run,
};
