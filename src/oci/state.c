// SPDX-License-Identifier: Apache-2.0
/* `cloison-oci state`: OCI runtime 1.2, runtime.md#query-state. */
#include "oci/container.h"

static int state_run(const struct command_context *context, void *values, int argc, char **argv,
                     struct error **err)
{
    CLEANUP(oci_container) struct oci_container *c = NULL;
    int r = oci_container_open(oci_of(context), argv[0], OCI_LOOK, &c, err);
    if (r < 0) {
        return r;
    }
    CLEANUP(json) json_t *state = oci_container_state(c);
    CLEANUP(free) char *text = json_dumps(state, JSON_INDENT(2));
    printf("%s\n", str_or(text, "{}"));
    return 0;
}

const struct command oci_state = {
    .name = "state",
    .group = "Commands",
    .summary = "Print a container's state as JSON",
    .arguments = "CONTAINER",
    .min_arguments = 1,
    .max_arguments = 1,
    .argument_completion = COMPLETE_CONTAINER,
    .run = state_run,
};
