// SPDX-License-Identifier: Apache-2.0
/* `cloison-oci kill` */
#include "base/signals.h"
#include "oci/container.h"

struct kill_values {
    bool all;
};

/* With --all, what is left in the cgroup gets it even when the first process has ended: callers do
 * so for containers that share a pid namespace. */
static int kill_run(const struct command_context *context, void *values, int argc, char **argv,
                    struct error **err)
{
    const struct kill_values *v = values;
    int number = 0;
    const char *name = argc > 1 ? argv[1] : "SIGTERM";
    int r = str_equal(name, "0") ? 0 : signal_parse(name, &number, err); /* 0: is it there? */
    if (r < 0) {
        return r;
    }
    CLEANUP(oci_container) struct oci_container *c = NULL;
    r = oci_container_open(oci_of(context), argv[0], OCI_LOOK, &c, err);
    if (r < 0) {
        return r;
    }
    if (c->workload && v->all) {
        return c->oci->wall->signal(c->workload, number, true, err);
    }
    if (c->status == OCI_STOPPED || !c->workload) {
        return error_set(err, ERROR_BUSY, 0, "container not running: '%s'", c->id);
    }
    return c->oci->wall->signal(c->workload, number, false, err);
}

static const struct option kill_options[] = {
    {'a', "all", OPTION_FLAG, offsetof(struct kill_values, all), NULL,
     "Signal every process of the container"},
    {0},
};

const struct command oci_kill = {
    .name = "kill",
    .group = "Commands",
    .summary = "Send a signal (default SIGTERM) to a container's first process",
    .arguments = "[OPTIONS] CONTAINER [SIGNAL]",
    .options = kill_options,
    .values_size = sizeof(struct kill_values),
    .min_arguments = 1,
    .max_arguments = 2,
    .argument_completion = COMPLETE_CONTAINER,
    .run = kill_run,
};
